import { expect, test } from "vitest";
import { bootUnit } from "../../lib/deploy-job/boot-unit.ts";
import { type JobContext, newJobId, renderJobSpec } from "../../lib/deploy-job/job-spec.ts";
import { HistoryEntry } from "../../lib/history/entry.ts";
import type { ObservedImage } from "../../lib/observe/compose.ts";
import { bash, commitA, composeTarget, digestA, sshHost } from "../support.ts";

const id = `sha256:${"1".repeat(64)}`;
const image: ObservedImage = {
  id,
  labels: {},
  record: { digest: digestA, imageId: id, bytes: 1_500_000, seconds: 0.4, run: "runner/1" } as ObservedImage["record"],
};
const artifact = { service: "todo-note", repository: "unidesk/todo-note", commit: commitA };
const context: JobContext = {
  runId: "runner/1",
  operator: "alice@runner",
  receipt: {
    host: "main-server",
    key: "unidesk-prod-main-server/todo-note-deployment",
    spec: `${commitA} 0123456789ab`,
  },
  approval: { signer: 'O"Hara \u00fc', expires: "2026-12-01T00:00:00Z" },
};

/** What the shell reads out of a spec. */
function read(name: string, changes = {}, found = image, force = false): string {
  const target = composeTarget({ root: "/srv/it's here", ...changes });
  const text = renderJobSpec("id-1", sshHost(), { spec: { artifact, target }, image: found, force }, context);
  return bash(`${text}\nprintf %s "$1"; printf %s "$${name}"`).stdout.toString();
}

test("a job's id sorts by time and is never the same", () => {
  expect(newJobId()).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/);
  expect(newJobId()).not.toBe(newJobId());
});

test("a value arrives byte for byte", () => {
  expect(read("root")).toBe("/srv/it's here");
  expect(read("lock")).toBe("/home/ubuntu/.unidesk/locks/compose-unidesk");
  expect(read("history_file")).toBe("/home/ubuntu/.unidesk/deploy-history/todo-note.jsonl");
  expect(read("force")).toBe("");
  expect(read("force", {}, image, true)).toBe("force");
});

test("the keys of a deployment, with the digest that is proven", () => {
  const keys = [
    `UNIDESK_TODO_NOTE_DEPLOY_COMMIT=${commitA}`,
    `UNIDESK_TODO_NOTE_DEPLOY_REQUESTED_COMMIT=${commitA}`,
    `UNIDESK_TODO_NOTE_DEPLOY_DIGEST=${digestA}`,
    `UNIDESK_TODO_NOTE_DEPLOY_IMAGE=127.0.0.1:5000/unidesk/todo-note:${commitA}`,
  ];
  expect(read("keys")).toBe(keys.join("\n"));
  expect(read("keys", {}, { ...image, record: undefined })).toContain("DEPLOY_DIGEST=\n");
});

test("labels only where the target has them, the digest only where it is known", () => {
  const always = [
    "dev.unidesk.deploy.service=todo-note",
    `dev.unidesk.deploy.commit=${commitA}`,
    `dev.unidesk.deploy.requested-commit=${commitA}`,
  ].join(" ");
  expect(read("labels")).toBe("");
  expect(read("labels", { deployLabels: true })).toBe(`${always} dev.unidesk.deploy.digest=${digestA}`);
  expect(read("labels", { deployLabels: true }, { ...image, record: undefined })).toBe(always);
});

test("with what the job adds, the history's fields are an entry of one ASCII line", () => {
  const fields = read("history_fields");
  expect(fields).toMatch(/^[ -~]+$/);
  const rest = '"startedAt":"2026-11-21T00:00:00Z","finishedAt":"2026-11-21T00:00:05Z","result":"deployed"';
  expect(HistoryEntry.parse(JSON.parse(`{${fields},${rest}}`))).toMatchObject({
    id: "id-1",
    service: "todo-note",
    stack: "unidesk-prod-main-server",
    commit: commitA,
    digest: digestA,
    bytes: 1_500_000,
    deliverySeconds: 0.4,
    operator: "alice@runner",
    fingerprint: `${commitA} 0123456789ab`,
    approval: { signer: 'O"Hara \u00fc', expires: "2026-12-01T00:00:00Z" },
  });
});

test("what another apply fetched is not counted again, and of an old record nobody knows whose it was", () => {
  const bytesOf = (run: object) => {
    const found = { ...image, record: { ...image.record, run: undefined, ...run } as ObservedImage["record"] };
    return JSON.parse(`{${read("history_fields", {}, found)}}`);
  };
  expect(bytesOf({ run: "runner/2" })).toMatchObject({ bytes: 0, deliverySeconds: 0 });
  expect(bytesOf({})).toMatchObject({ bytes: null, deliverySeconds: null });
});

test("what a delivery could not measure is unknown, and never what was expected", () => {
  const record = { ...image.record, bytes: undefined } as ObservedImage["record"];
  const fields = JSON.parse(`{${read("history_fields", {}, { ...image, record })}}`);
  expect(fields).toMatchObject({ bytes: null, deliverySeconds: 0.4 });
});

test("the boot unit runs as the user, after Docker", () => {
  const unit = bootUnit({ home: "/home/ub%u $x", user: "ubuntu" });
  expect(unit).toContain("\nUser=ubuntu\n");
  expect(unit).toContain("\nAfter=docker.service\n");
  expect(unit).toContain("\nType=oneshot\n");
  expect(unit).toContain(
    '\nExecStart=/bin/bash "/home/ub%%u $$x/.unidesk/deploy-jobs/end-all-pending" "/home/ub%%u $$x/.unidesk/deploy-jobs"\n',
  );
});
