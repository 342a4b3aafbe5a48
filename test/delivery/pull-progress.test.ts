import { expect, test } from "vitest";
import { PullProgress } from "../../lib/delivery/pull-progress.ts";

let now = 0;
const say = (...lines: [milliseconds: number, line: string][]) => {
  now = 0;
  const progress = new PullProgress(() => now);
  return lines.flatMap(([at, line]) => {
    now = at;
    return progress.line(line) ?? [];
  });
};
const layer = (number: number, words: string): string => `${String(number).padStart(12, "0")}: ${words}`;

test("layers are counted, at most once a second", () => {
  const output = say(
    [0, "127.0.0.1:41234/unidesk/frontend@sha256:aa: Pulling from unidesk/frontend"],
    [0, layer(1, "Already exists")],
    [0, layer(2, "Pulling fs layer")],
    [0, layer(3, "Pulling fs layer")],
    [0, layer(4, "Pulling fs layer")],
    [10, layer(4, "Waiting")],
    [100, layer(2, "Verifying Checksum")],
    [110, layer(2, "Download complete")],
    [500, layer(2, "Pull complete")],
    [900, layer(3, "Pull complete")],
    [1600, layer(4, "Pull complete")],
    [1600, "Digest: sha256:aa"],
    [1600, "Status: Downloaded newer image for 127.0.0.1:41234/unidesk/frontend@sha256:aa"],
    [1600, "127.0.0.1:41234/unidesk/frontend@sha256:aa"],
    [1600, ""],
  );
  expect(output).toEqual(["unpacked 1 of 3 layers", "unpacked 3 of 3 layers"]);
});

test("an error is passed on", () =>
  expect(say([0, "error pulling image configuration: EOF"])).toEqual(["error pulling image configuration: EOF"]));

test("while Docker is silent it says so every few seconds", () => {
  const progress = new PullProgress(() => now);
  const said = Array.from({ length: 10 }, (_, second) => {
    now = second * 1000;
    return progress.silence(second);
  });
  expect(said.filter(Boolean)).toEqual(["still pulling, 4 s", "still pulling, 8 s"]);
});
