import { describe, expect, test } from "vitest";
import { PullStatement } from "../../lib/delivery/pull-statement.ts";
import type { Artifact } from "../../lib/registry/client.ts";

/** Digest that begins with Docker's short name of it. */
const digest = (id: string) => `sha256:${id.padEnd(64, "0")}`;
const [base, middle, top] = ["2beab45dd093", "33206304ac15", "39e22e9bc58d"];
const sizes = { [base]: 5_244_613, [middle]: 2_097_924, [top]: 1_049_027 };

function artifactOf(layers: Readonly<Record<string, number>>): Artifact {
  const ids = { digest: digest("e3fa0500cdf8"), manifestDigest: digest("e3fa0500cdf8") };
  const blobs = Object.entries(layers).map(([id, size]) => ({ digest: digest(id), size }));
  const configDigest = digest("8ea102ec1922");
  const metadata = [
    { digest: ids.digest, size: 994 },
    { digest: configDigest, size: 2000 },
  ];
  return { ...ids, configDigest, layers: blobs, metadata } as unknown as Artifact;
}

const classic = { namesEveryLayer: true, imageWasThere: false };
const containerd = { namesEveryLayer: false, imageWasThere: false };

/** What Docker 26 printed around the lines about layers. */
function printed(layers: string, status = "Downloaded newer image for"): string {
  const reference = `127.0.0.1:41234/unidesk/frontend@${digest("e3fa0500cdf8")}`;
  return [
    `${reference}: Pulling from unidesk/frontend`,
    ...layers.trim().split("\n"),
    `Digest: ${digest("e3fa0500cdf8")}`,
    `Status: ${status} ${reference}`,
    reference,
  ].join("\n");
}

function fetched(output: string, circumstances = classic, artifact = artifactOf(sizes)) {
  const statement = new PullStatement();
  for (const line of output.split("\n")) statement.line(line);
  const found = statement.fetched(artifact, circumstances);
  return found && { ids: found.blobs.map((blob) => blob.digest.slice(7, 19)), metadata: found.metadataBytes };
}

const everything = printed(`
2beab45dd093: Pulling fs layer
33206304ac15: Pulling fs layer
39e22e9bc58d: Pulling fs layer
39e22e9bc58d: Verifying Checksum
39e22e9bc58d: Download complete
33206304ac15: Verifying Checksum
33206304ac15: Download complete
2beab45dd093: Verifying Checksum
2beab45dd093: Download complete
2beab45dd093: Pull complete
33206304ac15: Pull complete
39e22e9bc58d: Pull complete`);

const sharedBase = printed(`
2beab45dd093: Already exists
33206304ac15: Pulling fs layer
39e22e9bc58d: Pulling fs layer
39e22e9bc58d: Verifying Checksum
39e22e9bc58d: Download complete
33206304ac15: Verifying Checksum
33206304ac15: Download complete
33206304ac15: Pull complete
39e22e9bc58d: Pull complete`);

/** Recorded: the connection broke once, and Docker went on with a range of the blob. */
const resumed = printed(`
25c6649e0010: Pulling fs layer
e1dbfbdc40fe: Pulling fs layer
e1dbfbdc40fe: Download complete
25c6649e0010: Retrying in 5 seconds
25c6649e0010: Retrying in 4 seconds
25c6649e0010: Retrying in 3 seconds
25c6649e0010: Retrying in 2 seconds
25c6649e0010: Retrying in 1 second
25c6649e0010: Verifying Checksum
25c6649e0010: Download complete
25c6649e0010: Pull complete
e1dbfbdc40fe: Pull complete`);

describe("the classic image store", () => {
  test("several layers, all of them fetched", () =>
    expect(fetched(everything)).toEqual({ ids: [base, middle, top], metadata: 2994 }));

  test("a base that another image has", () =>
    expect(fetched(sharedBase)).toEqual({ ids: [middle, top], metadata: 2994 }));

  test("all layers are there, of another image", () => {
    const lines = [base, middle, top].map((id) => `${id}: Already exists`).join("\n");
    expect(fetched(printed(lines))).toEqual({ ids: [], metadata: 2994 });
  });

  test("an interrupted and resumed layer counts once", () => {
    const artifact = artifactOf({ "25c6649e0010": 20_978_079, e1dbfbdc40fe: 1_049_028 });
    expect(fetched(resumed, classic, artifact)?.ids).toEqual(["25c6649e0010", "e1dbfbdc40fe"]);
  });

  test("a layer that is twice in the image is fetched once", () => {
    const artifact = artifactOf(sizes);
    const twice = { ...artifact, layers: [...artifact.layers, ...artifact.layers.slice(-1)] };
    expect(fetched(sharedBase, classic, twice)?.ids).toEqual([middle, top]);
  });

  test("an image that only lacked its name costs nothing", () => {
    const output = printed("");
    expect(fetched(output, { ...classic, imageWasThere: true })).toEqual({ ids: [], metadata: 0 });
  });
});

describe("the containerd image store", () => {
  test("names the layers that it lacks, and some versions manifest and configuration", () => {
    const output = printed(`
33206304ac15: Pulling fs layer
39e22e9bc58d: Pulling fs layer
e3fa0500cdf8: Download complete
8ea102ec1922: Download complete
33206304ac15: Download complete
39e22e9bc58d: Download complete`);
    expect(fetched(output, containerd)).toEqual({ ids: [middle, top], metadata: 2994 });
  });

  test("a layer that was there and had to be unpacked was not fetched", () => {
    const output = printed(`
2beab45dd093: Already exists
33206304ac15: Exists
39e22e9bc58d: Pulling fs layer
39e22e9bc58d: Download complete
2beab45dd093: Pull complete
33206304ac15: Pull complete
39e22e9bc58d: Pull complete`);
    expect(fetched(output, containerd)?.ids).toEqual([top]);
  });
});

describe("nobody knows what was fetched", () => {
  test.each([
    ["fails if nothing is said of the layers", printed(""), classic],
    ["fails if nothing is said of the layers by the containerd store", printed(""), containerd],
    ["fails if a layer is not named", sharedBase.replace(/^2beab45dd093.*\n/m, ""), classic],
    [
      "fails if a layer came to no end",
      everything.replaceAll(/^33206304ac15: (Download|Pull) complete\n/gm, ""),
      classic,
    ],
    ["fails if the words are others", everything.replaceAll("complete", "finished"), classic],
    ["fails if the words are others with the containerd store", everything.replaceAll("complete", "done"), containerd],
    ["fails if a blob of another image came as well", `${everything}\naaaaaaaaaaaa: Download complete`, classic],
    ["fails if a layer was there and came", `${everything}\n2beab45dd093: Already exists`, classic],
    ["fails if names are longer", everything.replaceAll(/^[0-9a-f]{12}:/gm, (id) => `${id.slice(0, -1)}00:`), classic],
  ])("%s", (_, output, circumstances) => expect(fetched(output, circumstances)).toBeUndefined());
});
