import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import type { ComposeTarget } from "../lib/compose/target.ts";
import type { BuildArtifact } from "../lib/config/ci-file.ts";
import type { Connection } from "../lib/config/hosts.ts";
import { loadSite, type Site } from "../lib/config/site.ts";
import { UserError } from "../lib/errors.ts";

let base: string | undefined;

/** A folder of this test file's own, removed after its last test. */
export function tempFolder(): string {
  base ??= mkdtempSync(join(tmpdir(), "unidesk-test-"));
  return mkdtempSync(join(base, "f-"));
}
afterAll(() => {
  if (base) rmSync(base, { recursive: true, force: true });
});

export function write(folder: string, name: string, content: string | Uint8Array | object): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content, null, 2),
  );
  return file;
}

/** The UserError that `run` throws; anything else fails the test. */
export function failureOf(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("expected a UserError, but nothing was thrown");
}

/** The same for a promise. */
export async function rejectionOf(promise: Promise<unknown>): Promise<UserError> {
  const [result] = await Promise.allSettled([promise]);
  return failureOf(() => {
    if (result.status === "rejected") throw result.reason;
  });
}

/** Runs a real bash; output as bytes, so that nothing is lost on the way. */
export function bash(script: string, args: readonly string[] = [], input: string | Uint8Array = "") {
  const result = spawnSync("bash", ["-c", script, "unidesk", ...args], { input, maxBuffer: 64 * 1024 * 1024 });
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
}

/** The runner itself as a host: its scripts run here, without SSH. */
export function localHost(home: string): Connection {
  return { name: "d601", kind: "local", address: "127.0.0.1", port: 22, user: "ubuntu", hostKeys: [], home };
}

export const hostKeys = {
  ed25519: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhRSm1pYlRlc3RLZXlPZk5vSG9zdEF0QWxsMDAwMDAw",
  ecdsa: "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBE5vSG9zdEhhc1RoaXNLZXk=",
};

/** A host that is reached by SSH; of its two keys the ed25519 one comes first. */
export function sshHost(changes: Partial<Connection> = {}): Connection {
  return {
    name: "d601",
    kind: "ssh",
    address: "192.0.2.1",
    port: 22,
    user: "ubuntu",
    hostKeys: [hostKeys.ed25519, hostKeys.ecdsa],
    home: "/home/ubuntu",
    ...changes,
  };
}

export const commitA = "a1".repeat(20);
export const commitB = "b2".repeat(20);
export const digestA = `sha256:${"a".repeat(64)}`;
export const digestB = `sha256:${"b".repeat(64)}`;

export function buildEntry(serviceId: string): BuildArtifact {
  return {
    serviceId,
    kind: "build",
    sourceRepo: "https://github.com/pikasTech/unidesk",
    dockerfile: `src/components/${serviceId}/Dockerfile`,
    imageRef: `127.0.0.1:5000/unidesk/${serviceId}`,
  };
}

/** `context.hosts` of a site with two SSH hosts. */
export function hostsJson() {
  const host = { address: "192.0.2.1", user: "ubuntu", hostKeys: [hostKeys.ed25519, hostKeys.ecdsa] };
  const compose = { project: "unidesk", root: "/srv/unidesk", file: "docker-compose.yml" };
  return {
    d601: { ...host },
    "main-server": { ...host, address: "192.0.2.2", compose, configJson: "/srv/unidesk/config.json" },
  };
}

/** Frontend as it is deployed on main-server. */
export function composeTarget(changes: Partial<ComposeTarget> = {}): ComposeTarget {
  return {
    host: "main-server",
    container: "unidesk-frontend",
    composeService: "frontend",
    stableImage: "unidesk-frontend",
    project: "unidesk",
    root: "/srv/unidesk",
    file: "docker-compose.yml",
    envFile: { configJson: "/srv/unidesk/config.json" },
    health: { port: 8080, path: "/health", deadlineSeconds: 60, commitFrom: "reply" },
    gates: [],
    secrets: [],
    deployLabels: false,
    ...changes,
  };
}

/** Pins of `frontend` in prod. */
export function deployJson(frontend: unknown): object {
  return { version: 1, environments: { prod: { frontend } } };
}

/** Writes a checkout with one build entry and one pin; `context` overrides parts of cdktf.json's. */
export function writeCheckout(context: object = {}, pin: object = { commit: commitA }): string {
  const root = tempFolder();
  write(root, "cdktf.json", { context: { target: "lab", hosts: hostsJson(), ...context } });
  write(root, "CI.json", { version: 1, artifacts: [buildEntry("frontend")] });
  write(root, "deploy.json", deployJson(pin));
  return root;
}

/** A site with these pins, and a build entry for each service of theirs. */
export function siteOfPins(
  environments: Readonly<Record<string, Readonly<Record<string, object>>>>,
  context: object = {},
): Site {
  const root = writeCheckout(context);
  const services = new Set(Object.values(environments).flatMap((pins) => Object.keys(pins)));
  write(root, "CI.json", { version: 1, artifacts: [...services].map(buildEntry) });
  write(root, "deploy.json", { version: 1, environments });
  return loadSite(root);
}

export function siteOf(context: object = {}, pin?: object): Site {
  return loadSite(writeCheckout(context, pin));
}

export function syntaxErrors(shell: string, script: string): string {
  return spawnSync(shell, ["-n"], { input: script, encoding: "utf8" }).stderr;
}
