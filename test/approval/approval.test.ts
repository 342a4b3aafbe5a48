import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { keyBlob } from "../../lib/approval/key-blob.ts";
import { deployKeysOf, publicBlob, signingKey } from "../../lib/approval/keys.ts";
import { type ApprovalFile, approvalPath, approvalText } from "../../lib/approval/request.ts";
import { signApproval } from "../../lib/approval/sign.ts";
import { requireApproval } from "../../lib/approval/verify.ts";
import { commitB, failureOf, rejectionOf, sshHost, tempFolder, write } from "../support.ts";
import { hence, makeKey, request, sourceOf } from "./support.ts";

const ann = makeKey();
const deploy = makeKey();

/** Signs as ann, lets `change` edit the file, and judges it. */
async function edited(change: (content: ApprovalFile) => object | string) {
  const source = sourceOf({ ann: [ann.line], bob: [makeKey().line] });
  const { path } = await signApproval({ request, source }, hence(4), ann.file);
  const changed = change(JSON.parse(readFileSync(path, "utf8")) as ApprovalFile);
  writeFileSync(path, typeof changed === "string" ? changed : JSON.stringify(changed));
  return (await rejectionOf(requireApproval({ request, source }))).problem;
}

test("what a person signed is an approval of that person, in a file that says so", async () => {
  const source = sourceOf({ ann: [makeKey("", "ecdsa").line, ann.line] }, [keyBlob(deploy.line)]);
  const expires = hence(4);
  const signed = await signApproval({ request, source }, expires, ann.file);
  const path = join(source.folder, "lab", `prod-code-queue-mgr-${request.commit}.json`);
  expect(signed).toEqual({ signer: "ann", expires, path });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    version: 1,
    ...request,
    expires,
    signer: "ann",
    signature: expect.stringContaining("BEGIN SSH SIGNATURE"),
  });
  expect(readdirSync(join(source.folder, "lab"))).toHaveLength(1);
  expect(await requireApproval({ request, source })).toEqual({ signer: "ann", expires });
});

test("a later approval takes the place of the earlier one", async () => {
  const source = sourceOf({ ann: [ann.line] });
  await signApproval({ request, source }, hence(1), ann.file);
  const expires = hence(2);
  await signApproval({ request, source }, expires, ann.file);
  expect(await requireApproval({ request, source })).toEqual({ signer: "ann", expires });
});

test("the signed text has every field on a line of its own", () => {
  expect(approvalText(request, "2026-01-31T16:00:00Z")).toBe(
    `unidesk-approval 1\ntarget lab\nservice code-queue-mgr\nenvironment prod\ncommit ${request.commit}\nexpires 2026-01-31T16:00:00Z\n`,
  );
});

describe("fails", () => {
  test.each([
    ["expires", { expires: hence(5) }],
    ["signer", { signer: "bob" }],
    ["signature", { signature: "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n" }],
  ])("if somebody edited %s", async (_, change) => {
    const { what } = await edited((content) => ({ ...content, ...change }));
    expect(what).toMatch(/^nothing was changed: the signature of the approval .* does not verify$/);
  });

  test("if somebody edited the commit to be the wanted one", async () => {
    const source = sourceOf({ ann: [ann.line] });
    const other = { ...request, commit: commitB };
    const { path } = await signApproval({ request: other, source }, hence(4), ann.file);
    const content = readFileSync(path, "utf8").replace(commitB, request.commit);
    writeFileSync(approvalPath(source.folder, request), content);
    const { what } = (await rejectionOf(requireApproval({ request, source }))).problem;
    expect(what).toContain("does not verify");
  });

  test("if the same key signed the same text for another purpose", async () => {
    const { what } = await edited((content) => {
      const input = approvalText(content, content.expires);
      const args = ["-q", "-Y", "sign", "-n", "git", "-f", ann.file];
      return { ...content, signature: spawnSync("ssh-keygen", args, { input, encoding: "utf8" }).stdout };
    });
    expect(what).toContain("does not verify");
  });

  test.each([
    ["no JSON", "{", "it is not JSON"],
    ["another version", { version: 2 }, "version: must be 1, the only version of this file"],
    ["an unknown field", { all: true }, 'Unrecognized key: "all"'],
    ["a time that is none", { expires: "2026-13-01T00:00:00Z" }, "expires: must be a time that exists"],
    ["a signer that could be an option", { signer: "-x" }, "signer: must be the name of an approver"],
    ["a signature that is none", { signature: "yes" }, "signature: must be an armored SSH signature"],
  ])("if the file is malformed: %s", async (_, change, found) => {
    const problem = await edited((content) => (typeof change === "string" ? change : { ...content, ...change }));
    expect(problem.found).toBe(found);
  });

  test("if the signer is no approver any more", async () => {
    const source = sourceOf({ ann: [ann.line] });
    await signApproval({ request, source }, hence(4), ann.file);
    const later = { ...source, approvers: [{ name: "bob", keys: [makeKey().line] }] };
    const { what, remedy } = (await rejectionOf(requireApproval({ request, source: later }))).problem;
    expect(what).toContain("is of somebody who is no approver");
    expect(remedy).toBe(
      `let an approver run: npx unidesk approve code-queue-mgr --env prod --commit ${request.commit}`,
    );
  });

  test("if the approver's key deploys now", async () => {
    const source = sourceOf({ ann: [ann.line], bob: [makeKey().line] });
    await signApproval({ request, source }, hence(4), ann.file);
    const deployKeys = [keyBlob(ann.line)];
    const listed = (await rejectionOf(requireApproval({ request, source: { ...source, deployKeys } }))).problem;
    expect(listed.what).toBe("nothing was changed: context.approvers lists a deploy key: what deploys cannot approve");
    const approvers = source.approvers.slice(1);
    const signing = (await rejectionOf(requireApproval({ request, source: { ...source, approvers, deployKeys } })))
      .problem;
    expect(signing.what).toContain("was signed with a deploy key");
  });

  test.each([
    ["a deploy key", deploy.file, "a deploy key cannot approve: what deploys must not be able to say yes to itself"],
    ["nobody's key", makeKey().file, "this key is of no approver"],
    ["no key at all", "/nowhere/id", "ssh-keygen did not sign with /nowhere/id"],
  ])("to sign with %s", async (_, file, what) => {
    const source = sourceOf({ ann: [ann.line] }, [keyBlob(deploy.line)]);
    expect((await rejectionOf(signApproval({ request, source }, hence(4), file))).problem.what).toBe(what);
    expect(existsSync(source.folder)).toBe(false);
  });
});

describe("keys", () => {
  test("the public half comes from the private key, or from the file beside a locked one", () => {
    const locked = makeKey("secret");
    expect(publicBlob(ann.file)).toBe(keyBlob(ann.line));
    expect(publicBlob(locked.file)).toBe(keyBlob(locked.line));
    expect(publicBlob(join(tempFolder(), "id"))).toBeUndefined();
  });

  test("the signing key is read from the signature itself", async () => {
    const source = sourceOf({ ann: [ann.line] });
    const { path } = await signApproval({ request, source }, hence(4), ann.file);
    const { signature } = JSON.parse(readFileSync(path, "utf8")) as ApprovalFile;
    expect(signingKey(signature)).toBe(keyBlob(ann.line));
    expect(signingKey("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----")).toBeUndefined();
    expect(signingKey("")).toBeUndefined();
  });

  test("deploy keys are those of the hosts, each once; one that is not here deploys nothing from here", () => {
    const d601 = sshHost({ identityFile: deploy.file });
    const gone = sshHost({ identityFile: "/nowhere/id" });
    expect(deployKeysOf({ d601, same: d601, gone, agent: sshHost() })).toEqual([keyBlob(deploy.line)]);
  });

  test("fails if a deploy key's public half cannot be known", () => {
    const file = write(tempFolder(), "id", "not a key");
    expect(failureOf(() => deployKeysOf({ d601: sshHost({ identityFile: file }) })).problem).toEqual({
      what: `the public half of the deploy key ${file} cannot be read, so nobody can tell whether it signed an approval`,
      allowed: "a private key without a passphrase, or its public key beside it",
      remedy: `ssh-keygen -y -f ${file} > ${file}.pub`,
    });
  });
});
