import { expect, test } from "vitest";
import { readPublicKey } from "../../lib/observer/public-key.ts";
import { failureOf, tempFolder, write } from "../support.ts";

const blob = `AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
const fileOf = (text: string) => write(tempFolder(), "key.pub", text);

test.each([
  [`ssh-ed25519 ${blob} somebody@somewhere\n`, "ssh-ed25519"],
  [`sk-ssh-ed25519@openssh.com ${blob}`, "sk-ssh-ed25519@openssh.com"],
])("a public key is type and key", (text, type) => {
  expect(readPublicKey(fileOf(text))).toEqual({ type, blob });
});

test.each([
  ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "a private key"],
  ["options before the key", `command="id" ssh-ed25519 ${blob}`, "no public key"],
  ["two keys", `ssh-ed25519 ${blob}\nssh-ed25519 ${blob}`, "2 line(s)"],
  ["nothing", "", "1 line(s)"],
])("fails if the file is %s", (_, text, found) => {
  expect(failureOf(() => readPublicKey(fileOf(text))).message).toContain(found);
});

test("fails if there is no such file", () => {
  expect(failureOf(() => readPublicKey("/nowhere/key.pub")).message).toContain("ENOENT");
});
