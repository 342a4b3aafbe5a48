import { createHash, createHmac } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostSecretFunctions } from "../lib/host-secret.ts";
import { bash, tempFolder } from "./support.ts";

const hashIn = (home: string, message: string | Uint8Array) =>
  bash(`HOME=$1\n${hostSecretFunctions}\nkeyed_hash`, [home], message);

test.each([
  ["nothing", ""],
  ["text with what printf would read", 'a\n%s \\x41 "é" $HOME\n\n'],
  ["bytes", new Uint8Array([0, 255, 10, 0])],
  ["more than a block", "x".repeat(100_000)],
])("is the HMAC-SHA256 that others compute: %s", (_, message) => {
  const home = tempFolder();
  const { stdout, exitCode } = hashIn(home, message);
  const file = join(home, ".unidesk", "host-secret");
  const key = createHash("sha256").update(readFileSync(file)).digest("hex");
  expect(stdout.toString()).toBe(`${createHmac("sha256", key).update(message).digest("hex")}\n`);
  expect(exitCode).toBe(0);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(hashIn(home, message).stdout).toEqual(stdout);
});

test("another host says something else of the same text", () => {
  expect(hashIn(tempFolder(), "same").stdout).not.toEqual(hashIn(tempFolder(), "same").stdout);
});

test("fails if there can be no secret, and hashes with none", () => {
  const { stdout, exitCode } = hashIn("/dev/null", "text");
  expect(stdout.toString()).toBe("");
  expect(exitCode).toBe(1);
});
