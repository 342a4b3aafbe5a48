import { describe, expect, test } from "vitest";
import type { ApprovalFile, ApprovalRequest } from "../../lib/approval/request.ts";
import { type ApprovalFacts, judgeApproval, type ReadApproval } from "../../lib/verdicts/approval.ts";
import { commitA, commitB } from "../support.ts";

const now = Date.parse("2026-01-31T12:00:00Z");
const wanted: ApprovalRequest = { target: "lab", service: "code-queue-mgr", environment: "prod", commit: commitA };
const content = {
  version: 1,
  ...wanted,
  expires: "2026-01-31T16:00:00Z",
  signer: "ann",
  signature: "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
} as ApprovalFile;
const approvers = [
  { name: "ann", keys: ["ssh-ed25519 ANN ann@home", "ssh-ed25519 ANN2"] },
  { name: "bob", keys: ["ssh-ed25519 BOB"] },
];

function judge(changes: Partial<ApprovalFile> = {}, facts: Partial<ApprovalFacts> = {}, read: object = {}) {
  const approval: ReadApproval = {
    is: "read",
    content: { ...content, ...changes },
    signingKey: "ANN",
    signatureIsGood: true,
    ...read,
  };
  const base: ApprovalFacts = {
    path: "/a.json",
    approval,
    approvers,
    deployKeys: ["DEPLOY"],
    now,
    remedy: "approve it",
  };
  return judgeApproval(wanted, { ...base, ...facts });
}
const refused = (problem: object) => ({ ok: false, problem });
const again = "remove /a.json, then a person runs: approve it";

test("an approval of an approver for exactly this is one, until it ends", () => {
  const approval = { signer: "ann", expires: content.expires };
  expect(judge()).toEqual({ ok: true, approval });
  expect(judge({}, { now: Date.parse("2026-01-31T15:59:59Z") })).toEqual({ ok: true, approval });
  expect(judge({ expires: "2026-02-07T12:00:00Z" })).toMatchObject({ ok: true });
});

describe("fails", () => {
  test("if there is none", () => {
    expect(judge({}, { approval: { is: "missing" } })).toEqual(
      refused({
        what: `code-queue-mgr in prod is supervised and has no approval for ${commitA}`,
        found: "no /a.json",
        remedy: "approve it",
      }),
    );
  });

  test("if it is malformed", () => {
    expect(judge({}, { approval: { is: "malformed", why: "it is not JSON" } })).toEqual(
      refused({ what: "the approval /a.json is not one", found: "it is not JSON", remedy: again }),
    );
  });

  test.each([
    ["target", "production"],
    ["service", "frontend"],
    ["environment", "dev"],
    ["commit", commitB],
  ] as const)("if it is for another %s", (field, value) => {
    expect(judge({ [field]: value })).toEqual(
      refused({
        what: `the approval /a.json is for another ${field}`,
        found: value,
        allowed: wanted[field],
        remedy: again,
      }),
    );
  });

  test("if its signer is no approver", () => {
    expect(judge({ signer: "eve" })).toEqual(
      refused({
        what: "the approval /a.json is of somebody who is no approver",
        found: "eve",
        allowed: "ann, bob",
        remedy: "let an approver run: approve it",
      }),
    );
  });

  test("if there are no approvers at all", () => {
    expect(judge({}, { approvers: [] })).toMatchObject(refused({ allowed: "nobody: context.approvers is empty" }));
  });

  test("if its signature does not verify", () => {
    expect(judge({}, {}, { signatureIsGood: false })).toEqual(
      refused({
        what: "the signature of the approval /a.json does not verify",
        found: "not signed by a key of ann over this target, service, environment, commit and expiry",
        remedy: again,
      }),
    );
  });

  test("if a deploy key signed it, whoever it says", () => {
    expect(judge({}, {}, { signingKey: "DEPLOY" })).toEqual(
      refused({
        what: "the approval /a.json was signed with a deploy key: what deploys cannot approve",
        found: "ann",
        allowed: "ann, bob",
        remedy: again,
      }),
    );
  });

  test("if a deploy key is among the approvers', whoever signed", () => {
    expect(judge({}, { deployKeys: ["BOB"] })).toEqual(
      refused({
        what: "context.approvers lists a deploy key: what deploys cannot approve",
        found: "bob",
        allowed: "keys that no host's identityFile holds",
        remedy: "give bob a key of their own: ssh-keygen -t ed25519",
      }),
    );
  });

  test.each(["2026-01-31T12:00:00Z", "2026-01-31T11:59:59Z"])("if it has expired: %s", (expires) => {
    expect(judge({ expires })).toEqual(
      refused({
        what: "the approval of ann for code-queue-mgr in prod has expired",
        found: `expired ${expires}, now 2026-01-31T12:00:00Z`,
        remedy: "approve it",
      }),
    );
  });

  test("if it is valid for too long", () => {
    expect(judge({ expires: "2026-02-07T12:00:01Z" })).toEqual(
      refused({
        what: "the approval of ann for code-queue-mgr in prod is valid for too long",
        found: "until 2026-02-07T12:00:01Z",
        allowed: "at most 7 days from now",
        remedy: again,
      }),
    );
  });
});
