import { spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commitA, hostsJson, writeCheckout } from "../support.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));

let root: string;
let server: Server;
let status = 403;

/** A checkout of its own, whose d601 is this machine and whose registry is this server. */
beforeAll(async () => {
  server = createServer((_, response) => response.writeHead(status).end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const hosts = { ...hostsJson(), d601: { connection: "local", user: "ubuntu", git: {} } };
  root = writeCheckout({ hosts, registry: { port } });
  for (const folder of ["lib", "bin"]) cpSync(join(checkout, folder), join(root, folder), { recursive: true });
  cpSync(join(checkout, "package.json"), join(root, "package.json"));
  symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"));
  mkdirSync(join(root, "elsewhere"));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Runs `bin/unidesk.js` from a folder that is not the checkout. */
function unidesk(...argv: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const result = { stdout: "", stderr: "" };
    const child = spawn(process.execPath, [join(root, "bin/unidesk.js"), ...argv], { cwd: join(root, "elsewhere") });
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk) => {
        result[name] += chunk;
      });
    }
    child.on("close", (exitCode) => resolve({ exitCode, ...result }));
  });
}
const publish = () => unidesk("artifact", "publish", "--service", "frontend", "--commit", commitA, "--json");

test("fails with exit 1 if the registry refuses, as JSON", async () => {
  status = 403;
  const { exitCode, stdout, stderr } = await publish();
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    error: {
      what: expect.stringMatching(/^d601 127\.0\.0\.1:\d+: the registry answered 403 to GET \/v2\/$/),
      found: "{}",
      allowed: "200, or 404 for an artifact that is not there",
      remedy: "npx unidesk registry health",
    },
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
});

test("runs the sources as they are, from any folder", async () => {
  const { exitCode, stdout } = await unidesk("registry", "plan", "--json");
  expect(JSON.parse(stdout).defaultPaths.storage).toBe("/home/ubuntu/.unidesk/registry-storage");
  expect(exitCode).toBe(0);
});
