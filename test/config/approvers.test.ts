import { expect, test } from "vitest";
import { loadSite, overridesOf } from "../../lib/config/site.ts";
import { failureOf, hostKeys, hostsJson, siteOf, tempFolder, write, writeCheckout } from "../support.ts";

const key = hostKeys.ed25519;

test("approvers are read from lines and from files of lines", () => {
  const file = write(tempFolder(), "ann.pub", `# ann's two\n${key} ann@home\n\n${hostKeys.ecdsa}\n`);
  const hardware = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t";
  const site = siteOf({
    approvers: [
      { name: "ann", key: `@${file}` },
      { name: "bob@example.com", key: hardware },
    ],
  });
  expect(site.approvers).toEqual([
    { name: "ann", keys: [`${key} ann@home`, hostKeys.ecdsa] },
    { name: "bob@example.com", keys: [hardware] },
  ]);
});

test("nobody is an approver by default, and another set of hosts has approvers of its own", () => {
  expect(siteOf().approvers).toEqual([]);
  const root = writeCheckout({ approvers: [{ name: "ann", key }] });
  write(root, "other.json", { target: "lab-2", hosts: hostsJson() });
  expect(loadSite(root, { UNIDESK_HOSTS: "other.json" }).approvers).toEqual([]);
});

test("approvals lie in the checkout, or where UNIDESK_APPROVALS says", () => {
  const root = writeCheckout();
  expect(loadSite(root).approvals).toBe(`${root}/approvals`);
  expect(loadSite(root, overridesOf({ UNIDESK_APPROVALS: "/tmp/job" })).approvals).toBe("/tmp/job");
  expect(loadSite(root, overridesOf({ UNIDESK_APPROVALS: "" })).approvals).toBe(`${root}/approvals`);
});

test.each([
  [
    "a name could be read as a pattern",
    [{ name: "*", key }],
    'approvers.0.name: found "*"; must be a name of letters, digits and . _ @ + -, such as an e-mail',
  ],
  [
    "a key is none",
    [{ name: "ann", key: "AAAA" }],
    'approvers.0.key: found "AAAA"; must be a public key line ("ssh-ed25519 AAAA…") or "@" and a file of such lines',
  ],
  ["a key line brings a second line", [{ name: "ann", key: `${key} x\n* ${key}` }], "must be a public key line"],
  [
    "a name is there twice",
    [
      { name: "ann", key },
      { name: "ann", key: hostKeys.ecdsa },
    ],
    "must name every approver once; a file of lines holds several keys of one",
  ],
])("fails if %s", (_, approvers, text) => {
  expect(failureOf(() => siteOf({ approvers })).message).toContain(text);
});

test("fails if a key file is not there, or holds something else, which is not shown where it is secret", () => {
  const folder = tempFolder();
  const approvers = [{ name: "ann", key: `@${folder}/ann.pub` }];
  expect(failureOf(() => siteOf({ approvers })).problem).toEqual({
    what: `context.approvers: ann: ${folder}/ann.pub cannot be read`,
    found: expect.stringContaining("ENOENT"),
    remedy: "npm run lab -- up makes the lab's; of a real person write the public key line into cdktf.json",
  });
  write(folder, "ann.pub", "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n");
  expect(failureOf(() => siteOf({ approvers })).problem).toMatchObject({
    what: `context.approvers: ann: ${folder}/ann.pub: every line must be a public key line`,
    found: "a private key",
  });
  write(folder, "ann.pub", "# none\n");
  expect(failureOf(() => siteOf({ approvers })).problem.found).toBe("no key line");
});
