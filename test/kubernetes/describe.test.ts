import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describePods } from "../../lib/kubernetes/describe.ts";
import { localHost, tempFolder, write } from "../support.ts";
import { target } from "../verdicts/k3s-support.ts";
import { withoutRoot } from "./as-root.ts";

withoutRoot();

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What is said of a pod that printed this, where its Secrets have these values. */
async function described(log: string, values: readonly string[], secretsExit = 0) {
  const folder = tempFolder();
  write(folder, "log", log);
  write(folder, "values", values.map((value) => `${base64(value)}\n`).join(""));
  const kubectl = write(
    folder,
    "kubectl",
    `#!/bin/bash
cd ${folder}
printf '%s\\n' "$*" >> calls
case "$*" in
  *" get pod/"*) printf 'secret/web-auth secret/web-auth ' ;;
  *" secret/web-auth secret/web-auth") [ ${secretsExit} = 0 ] || { echo refused >&2; exit ${secretsExit}; }; cat values ;;
  *" logs "*) cat log ;;
esac
`,
  );
  chmodSync(kubectl, 0o755);
  const lines = await describePods(localHost(folder), { ...target, kubectl }, ["web-1"]);
  return { lines, calls: readFileSync(join(folder, "calls"), "utf8") };
}

test("values of the Secrets that a pod reads are masked in its last lines, and are in no argument", async () => {
  const key = "-----BEGIN KEY-----\nMIIB+/==\r\n-----END KEY-----\n";
  const log = "config: {password: hunter2&$x*, token: hunter2}\nkey   MIIB+/==\nuser a1 of ab\n";
  const { lines, calls } = await described(log, ["hunter2", "hunter2&$x*", key, "a1", " padded ", ""]);
  expect(lines).toEqual([
    "events of pod web-1:",
    "last lines of pod web-1:",
    "  | config: {password: ***, token: ***}",
    "  | key   ***",
    // Too short to be a secret.
    "  | user a1 of ab",
  ]);
  expect(calls).not.toMatch(/hunter2|MIIB/);
});

test("where the Secrets cannot be read no line is shown", async () => {
  const { lines } = await described("password hunter2\n", ["hunter2"], 1);
  expect(lines).toEqual([
    "events of pod web-1:",
    "last lines of pod web-1: not shown, because its Secrets cannot be read",
  ]);
});

test("the beginning of a value at the end of what was cut is not shown", async () => {
  const { lines } = await described(`first\n${`${"x".repeat(99)}\n`.repeat(162)}password hunt`, ["hunter2"]);
  expect(lines.at(2)).toBe("  | first");
  expect(lines.join("\n")).not.toContain("hunt");
});
