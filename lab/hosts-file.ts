import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import * as z from "zod";
import { labDir, labName } from "../tools/paths.mjs";
import { LabError } from "./errors.ts";
import { writeAtomically } from "./files.ts";
import { hostKeysFile } from "./keys.ts";
import { clusterAuthorityFile } from "./kubernetes.ts";
import { approverFile, type HostName, hostNames, identityFile, labHost } from "./settings.ts";

export const hostsFile = join(labDir, "hosts.json");

const compose = z.object({ project: z.string(), root: z.string(), file: z.string(), envFile: z.string().optional() });
const labHostEntry = z.object({
  connection: z.literal("ssh"),
  address: z.string(),
  port: z.int(),
  user: z.string(),
  identityFile: z.string(),
  hostKeys: z.array(z.string()),
  git: z.record(z.string(), z.string()).optional(),
  compose,
  kubernetes: z.object({ kubectl: z.string(), apiPort: z.int(), caCertificate: z.string() }).optional(),
  configJson: z.string().optional(),
});
const labHostsFile = z.object({
  target: z.string(),
  hosts: z.record(z.enum(hostNames), labHostEntry),
  // A lab that is up since before there were approvers has none until the next `up`.
  approvers: z.array(z.object({ name: z.string(), key: z.string() })).default([]),
});
export type LabHostsFile = z.infer<typeof labHostsFile>;

const uniDeskRoot = "/home/ubuntu/unidesk";

const facts: Record<HostName, Pick<z.infer<typeof labHostEntry>, "git" | "compose" | "configJson">> = {
  d601: {
    git: {
      "https://github.com/pikasTech/unidesk": "/home/ubuntu/git/unidesk.git",
      "https://gitee.com/Lyon1998/todo_note": "/home/ubuntu/git/todo_note.git",
    },
    compose: {
      project: "unidesk-d601",
      root: uniDeskRoot,
      file: "docker-compose.yml",
      envFile: `${uniDeskRoot}/.state/compose.env`,
    },
  },
  "main-server": {
    compose: { project: "unidesk", root: uniDeskRoot, file: "docker-compose.yml" },
    configJson: `${uniDeskRoot}/config.json`,
  },
};

/** The lab's hosts and approver in the form of `context` in cdktf.json. */
export function describeHosts(): LabHostsFile {
  const entry = (name: HostName) => {
    const host = labHost(name);
    return {
      connection: "ssh" as const,
      address: "127.0.0.1",
      port: host.port,
      user: "ubuntu",
      identityFile: fromHome(identityFile),
      hostKeys: [`@${fromHome(hostKeysFile(host))}`],
      ...facts[name],
    };
  };
  const authority = clusterAuthorityFile();
  const kubernetes = { kubectl: "k3s kubectl", apiPort: 6443, caCertificate: `@${fromHome(authority)}` };
  const d601 = { ...entry("d601"), ...(existsSync(authority) ? { kubernetes } : {}) };
  return {
    target: labName,
    hosts: { d601, "main-server": entry("main-server") },
    approvers: [{ name: "lab-approver", key: `@${fromHome(approverFile)}.pub` }],
  };
}

export async function writeHostsFile(): Promise<void> {
  const text = `${JSON.stringify(describeHosts(), undefined, 2)}\n`;
  const old = await readFile(hostsFile, "utf8").catch(() => undefined);
  if (old !== text) await writeAtomically(hostsFile, text);
}

/** Reads what `lab up` wrote. */
export async function labHosts(): Promise<LabHostsFile> {
  const text = await readFile(hostsFile, "utf8").catch((error: unknown) => {
    throw new LabError(`The lab ${labName} is not up: it has no ${fromHome(hostsFile)}. Run: npm run lab -- up`, {
      cause: error,
    });
  });
  return labHostsFile.parse(JSON.parse(text));
}

function fromHome(path: string): string {
  return join("~", relative(homedir(), path));
}
