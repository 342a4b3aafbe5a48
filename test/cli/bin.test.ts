import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkout } from "../checkout.ts";
import { commitA, hostsJson, writeCheckout } from "../support.ts";

const sources = ["app.ts", "bin", "constructs", "lib", "main.ts", "package.json", "stacks", "tools", "tsconfig.json"];
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
  for (const name of sources) cpSync(join(checkout, name), join(root, name), { recursive: true });
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

test("fails with exit 1 if the registry refuses, as JSON", { timeout: 90_000 }, async () => {
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

test("runs the sources as they are, from any folder", { timeout: 90_000 }, async () => {
  const { exitCode, stdout } = await unidesk("registry", "plan", "--json");
  expect(JSON.parse(stdout).defaultPaths.storage).toBe("/home/ubuntu/.unidesk/registry-storage");
  expect(exitCode).toBe(0);
});

test("an edited source counts at once, and where it cannot be compiled nothing older runs", {
  timeout: 90_000,
}, async () => {
  const source = join(root, "lib/cli/main.ts");
  const text = readFileSync(source, "utf8");
  const { size, atime, mtime } = statSync(source);
  const edited = text.replace("Commit-pinned", "Commit-named ");
  writeFileSync(source, edited);
  // The same size and time as before: only the content tells.
  utimesSync(source, atime, mtime);
  expect(statSync(source).size).toBe(size);
  expect((await unidesk("--help")).stdout).toContain("Commit-named ");

  writeFileSync(source, "const");
  const broken = await unidesk("--help");
  expect(broken.stderr).toContain("lib/cli/main.ts");
  expect(broken).toMatchObject({ exitCode: 1, stdout: "" });

  writeFileSync(source, text);
  expect((await unidesk("--help")).stdout).toContain("Commit-pinned");
});

test("commands at the same time share a build, and a lost one is made again", { timeout: 90_000 }, async () => {
  const builds = join(root, ".unidesk/program");
  rmSync(builds, { recursive: true });
  const ended = await Promise.all([1, 2, 3].map(() => unidesk("--help")));
  for (const { exitCode, stderr } of ended) expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const left = readdirSync(builds).filter((name) => name !== "build.json");
  expect(left).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
  rmSync(join(builds, left[0] ?? ""), { recursive: true });
  expect((await unidesk("--help")).exitCode).toBe(0);
});

test("fails if nothing can be built where the checkout lies, with the remedy", { timeout: 90_000 }, async () => {
  const builds = join(root, ".unidesk/program");
  rmSync(builds, { recursive: true });
  writeFileSync(builds, "in the way");
  const { exitCode, stderr } = await unidesk("--help");
  expect(stderr).toMatch(/^the program cannot be built\n {2}found: {3}E\w+: .*\n {2}remedy: {2}make .*writable/);
  expect(exitCode).toBe(1);
  rmSync(builds);
});

test("a build that is in use is kept, one that nobody used for a day is not", { timeout: 90_000 }, async () => {
  const builds = join(root, ".unidesk/program");
  await unidesk("--help");
  const [used = ""] = readdirSync(builds).filter((name) => name !== "build.json");
  const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
  mkdirSync(join(builds, "unused"));
  for (const name of ["unused", used]) utimesSync(join(builds, name), old, old);
  await unidesk("--help");
  appendFileSync(join(root, "main.ts"), "\nexport const other = 1;\n");
  await unidesk("--help");
  const left = readdirSync(builds);
  expect(left).toContain(used);
  expect(left).not.toContain("unused");
  expect(left).toHaveLength(3);
});
