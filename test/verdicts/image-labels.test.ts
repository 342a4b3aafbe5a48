import { expect, test } from "vitest";
import { judgeImageLabels } from "../../lib/verdicts/image-labels.ts";
import { commitA, commitB } from "../support.ts";

const wanted = { service: "frontend", commit: commitA };
const right = {
  "org.opencontainers.image.revision": commitA,
  "org.opencontainers.image.source": "https://github.com/pikasTech/unidesk",
  "dev.unidesk.service": "frontend",
};
const judge = (labels: Record<string, string>) => judgeImageLabels(wanted, labels, "here");
const revision = { what: "image label org.opencontainers.image.revision", expected: commitA, where: "here" };
const service = { what: "image label dev.unidesk.service", expected: "frontend", where: "here" };

test("is ok when the labels say commit and service", () => {
  expect(judge(right)).toEqual({ ok: true, reasons: [] });
});

test("fails if the revision is another commit", () => {
  const labels = { ...right, "org.opencontainers.image.revision": commitB };
  expect(judge(labels)).toEqual({ ok: false, reasons: [{ ...revision, found: commitB }] });
});

test("fails if the service is another one", () => {
  const labels = { ...right, "dev.unidesk.service": "backend-core" };
  expect(judge(labels)).toEqual({ ok: false, reasons: [{ ...service, found: "backend-core" }] });
});

test("fails for both if there are no labels", () => {
  expect(judge({})).toEqual({
    ok: false,
    reasons: [
      { ...revision, found: "nothing" },
      { ...service, found: "nothing" },
    ],
  });
});
