import { describe, expect, test } from "vitest";
import { judgeLive } from "../../lib/verdicts/live.ts";
import { commitA, commitB, composeTarget } from "../support.ts";

const wanted = { service: "todo-note", commit: commitA };
const at = "main-server http://172.18.0.2:8080/api/health";
const live = {
  id: "c0ffee",
  status: "running",
  imageId: "",
  imageLabels: { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "todo-note" },
  deployEnv: { UNIDESK_TODO_NOTE_DEPLOY_REQUESTED_COMMIT: commitA },
  labels: {},
  health: { status: 200, body: '{"ok":true}', where: at },
  gates: [],
  mounts: [],
};
const target = composeTarget({
  container: "todo-note-backend",
  health: { port: 8080, path: "/api/health", deadlineSeconds: 60, commitFrom: "container" },
});

describe("a service that does not know its commit", () => {
  const judge = (changes: object) => judgeLive(wanted, { ...live, ...changes }, target);

  test("is live when it answers and container and image are of that commit", () => {
    expect(judge({})).toEqual({ ok: true, reasons: [] });
  });

  test.each([
    ["it does not answer", { health: { status: 0, body: "", where: at } }, "health"],
    ["it answers badly", { health: { status: 500, body: "", where: at } }, "health status"],
    [
      "the container was asked for another commit",
      { deployEnv: { UNIDESK_TODO_NOTE_DEPLOY_REQUESTED_COMMIT: commitB } },
      "runtime environment UNIDESK_TODO_NOTE_DEPLOY_REQUESTED_COMMIT",
    ],
    [
      "the image is of another commit",
      { imageLabels: { ...live.imageLabels, "org.opencontainers.image.revision": commitB } },
      "image label org.opencontainers.image.revision",
    ],
  ])("fails if %s", (_, changes, what) => expect(judge(changes).reasons.map((reason) => reason.what)).toEqual([what]));
});

test("a service that does not answer is asked for no gate", () => {
  const gates = [{ verdict: "absent" as const, path: "/stats", keys: ["skipped"], remedy: "pin another" }];
  const silent = { status: 0, body: "", where: at };
  const reasons = judgeLive(wanted, { ...live, health: silent, gates: [silent] }, composeTarget({ gates })).reasons;
  expect(reasons.map(({ what }) => what)).toEqual(["health"]);
});
