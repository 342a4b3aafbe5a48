import { expect, test } from "vitest";
import type { ComposeTarget } from "../../lib/compose/target.ts";
import { judgeDeployment } from "../../lib/verdicts/deployment.ts";
import { commitA, commitB, composeTarget, digestA, digestB } from "../support.ts";

const where = "main-server container unidesk-frontend";
const own = "UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT";
const healthAt = "main-server http://172.18.0.2:8080/health";
const health = (commit: string, requestedCommit = commitA) => ({
  status: 200,
  body: JSON.stringify({ deploy: { commit, requestedCommit } }),
  where: healthAt,
});
const live = {
  id: "c0ffee",
  status: "running",
  imageId: digestA,
  imageLabels: { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "frontend" },
  deployEnv: { [own]: commitA },
  labels: {},
  health: health(commitA),
  gates: [],
  mounts: [],
};
const wanted = { service: "frontend", commit: commitA, imageId: digestA };
const judge = (changes: object, target: Partial<ComposeTarget> = {}) =>
  judgeDeployment(wanted, { ...live, ...changes }, composeTarget(target));
const runtimeEnv = { what: `runtime environment ${own}`, expected: commitA, where };

test("is ok when the container runs that image, was told that commit and says so itself", () => {
  expect(judge({})).toEqual({ ok: true, reasons: [] });
});

test("the common key counts where the service has no key of its own", () => {
  expect(judge({ deployEnv: { UNIDESK_DEPLOY_REQUESTED_COMMIT: commitA } }).ok).toBe(true);
});

test("fails if there is no container", () => {
  expect(judgeDeployment(wanted, undefined, composeTarget())).toEqual({
    ok: false,
    reasons: [{ what: "container", expected: "there", found: "none", where }],
  });
});

test.each([
  [
    "the container does not run",
    { status: "restarting" },
    { what: "container state", expected: "running", found: "restarting", where },
  ],
  ["the image is another one", { imageId: digestB }, { what: "image id", expected: digestA, found: digestB, where }],
  [
    "the image is of another commit",
    { imageLabels: { ...live.imageLabels, "org.opencontainers.image.revision": commitB } },
    { what: "image label org.opencontainers.image.revision", expected: commitA, found: commitB, where },
  ],
  [
    "the image is another service's",
    { imageLabels: { ...live.imageLabels, "dev.unidesk.service": "backend-core" } },
    { what: "image label dev.unidesk.service", expected: "frontend", found: "backend-core", where },
  ],
  ["it was told another commit", { deployEnv: { [own]: commitB } }, { ...runtimeEnv, found: commitB }],
  [
    "its own key is wrong, though the common one is right",
    { deployEnv: { [own]: commitB, UNIDESK_DEPLOY_REQUESTED_COMMIT: commitA } },
    { ...runtimeEnv, found: commitB },
  ],
  [
    "it was told by another service's key only",
    { deployEnv: { UNIDESK_BACKEND_CORE_DEPLOY_REQUESTED_COMMIT: commitA } },
    { ...runtimeEnv, found: "nothing" },
  ],
  ["it was told nothing", { deployEnv: {} }, { ...runtimeEnv, found: "nothing" }],
  [
    "its health says another commit",
    { health: health(commitB) },
    { what: "deploy.commit", expected: commitA, found: commitB, where: healthAt },
  ],
  [
    "its health says that it was asked for another commit",
    { health: health(commitA, commitB) },
    { what: "deploy.requestedCommit", expected: commitA, found: commitB, where: healthAt },
  ],
  [
    "its health does not answer",
    { health: { status: 0, body: "", where: healthAt } },
    { what: "health", expected: "an answer", found: "no answer", where: healthAt },
  ],
])("fails if %s", (_, changes, reason) => {
  expect(judge(changes)).toEqual({ ok: false, reasons: [reason] });
});

test("fails with every reason at once", () => {
  const all = { status: "exited", imageId: digestB, imageLabels: {}, deployEnv: {}, health: health(commitB) };
  expect(judge(all).reasons.map(({ what }) => what)).toEqual([
    "container state",
    "image id",
    "image label org.opencontainers.image.revision",
    "image label dev.unidesk.service",
    `runtime environment ${own}`,
    "deploy.commit",
  ]);
});

test("with deploy labels: fails if one of them is missing or another commit's", () => {
  const labels = {
    "dev.unidesk.deploy.service": "frontend",
    "dev.unidesk.deploy.commit": commitA,
    "dev.unidesk.deploy.requested-commit": commitA,
  };
  expect(judge({ labels }, { deployLabels: true }).ok).toBe(true);
  for (const key of Object.keys(labels)) {
    const reasons = [{ what: `container label ${key}`, found: commitB }];
    expect(judge({ labels: { ...labels, [key]: commitB } }, { deployLabels: true })).toMatchObject({
      ok: false,
      reasons,
    });
    expect(judge({ labels: { ...labels, [key]: undefined } }, { deployLabels: true }).ok).toBe(false);
  }
});

test("a gate that is not passed is one more reason", () => {
  const gates = [{ verdict: "absent" as const, path: "/stats", keys: ["skipped"], remedy: "pin another" }];
  const reply = (body: string) => ({ gates: [{ status: 200, body, where: healthAt }] });
  expect(judge(reply("{}"), { gates }).ok).toBe(true);
  expect(judge(reply('{"skipped":1}'), { gates }).reasons.map(({ what }) => what)).toEqual(["gate /stats skipped"]);
});
