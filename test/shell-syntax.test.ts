import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkValue } from "../lib/config/json-file.ts";
import { hostPaths } from "../lib/host-paths.ts";
import { composeProbes } from "../lib/observe/compose.ts";
import { registryProbes } from "../lib/observe/registry.ts";
import { writeReceiptFunction } from "../lib/receipts.ts";
import { registryFiles } from "../lib/registry/files.ts";
import { installFileScript, startServiceScript, stopServiceScript } from "../lib/registry/scripts.ts";
import { RegistrySettings } from "../lib/registry/settings.ts";
import { commitA, composeTarget, sshHost, syntaxErrors } from "./support.ts";

const lib = fileURLToPath(new URL("../lib/", import.meta.url));

/** Every shell text that a module of lib exports, by its name. The bundle's entry runs when it is imported. */
async function exportedScripts(): Promise<[name: string, script: string][]> {
  const files = readdirSync(lib, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && file !== "steps/main.ts",
  );
  const modules = await Promise.all(files.map((file) => import(/* @vite-ignore */ `${lib}${file}`)));
  return modules.flatMap((module) =>
    Object.entries<unknown>(module).flatMap(([name, value]): [string, string][] =>
      typeof value === "string" && /(Script|Functions?|Prelude)$/.test(name) ? [[name, value]] : [],
    ),
  );
}

test("bash can read every script that is exported", async () => {
  const scripts = await exportedScripts();
  expect(scripts.map(([name]) => name)).toEqual(
    expect.arrayContaining(["buildScript", "deployJobScript", "probePrelude", "pullScript", "setEnvKeysFunction"]),
  );
  for (const [name, script] of scripts) expect(syntaxErrors("bash", script), name).toBe("");
});

const settings = checkValue({}, "registry", RegistrySettings);
const files = registryFiles(settings, { home: "/home/ubuntu" });

test.each(["sh", "bash"])("%s can read what Terraform's provisioners run", (shell) => {
  const scripts = [
    ...files.map((file) => installFileScript(file, "/home/ubuntu/stage", hostPaths({ home: "/home/ubuntu" }))),
    startServiceScript(settings, files, "/home/ubuntu/.unidesk/registry-storage"),
    stopServiceScript(settings),
    writeReceiptFunction,
  ];
  for (const script of scripts) expect(syntaxErrors(shell, `set -eu\n(\n${script}\n)`)).toBe("");
});

test("bash can read what looks at a host", () => {
  const target = composeTarget({
    container: "it's",
    root: "/srv/my root",
    health: { port: 8080, path: "/health?a=1&b='2'", deadlineSeconds: 60, commitFrom: "reply" },
  });
  const subjects = [{ service: "frontend", target, commit: commitA }];
  expect(syntaxErrors("bash", composeProbes(sshHost(), subjects))).toBe("");
  expect(syntaxErrors("bash", registryProbes(sshHost(), settings))).toBe("");
});

test("fails if a script is broken", () => {
  expect(syntaxErrors("bash", "if true; then echo")).toContain("syntax error");
  expect(syntaxErrors("sh", "for x in (1 2); do")).not.toBe("");
});
