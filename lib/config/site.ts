import { resolve } from "node:path";
import * as z from "zod";
import type { Approver } from "../approval/request.ts";
import { exitCodes, UserError } from "../errors.ts";
import { RegistrySettings } from "../registry/settings.ts";
import { Approvers, approversOf } from "./approvers.ts";
import { type CiFile, readCiFile } from "./ci-file.ts";
import { DeployFile, type Pin, resolvePins } from "./deploy-file.ts";
import { type Connection, connectionOf, type HostName, Hosts } from "./hosts.ts";
import { readJsonFile } from "./json-file.ts";
import { PolicySettings } from "./policies.ts";
import { ReleaseLines } from "./release-lines.ts";
import { environments } from "./values.ts";

const SitePart = {
  target: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, { error: "must be lowercase words joined by dashes: it names the state's folder" })
    .describe("Name of this set of hosts; part of every state path"),
  hosts: Hosts,
  approvers: Approvers,
};

/** Where Terraform's state lies. Credentials come from the backend's own environment variables, never from here. */
const Backend = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("local") }),
  z.strictObject({ type: z.literal("pg"), schemaPrefix: z.string().default("unidesk") }),
  z.strictObject({
    type: z.literal("s3"),
    bucket: z.string(),
    region: z.string(),
    keyPrefix: z.string().default("unidesk"),
    endpoint: z.url().optional(),
  }),
  z.strictObject({ type: z.literal("kubernetes"), namespace: z.string(), configPath: z.string() }),
]);
export type Backend = z.infer<typeof Backend>;

/** `cdktf.json` as far as this project reads it; the CDKTF CLI owns the rest. */
const CdktfJson = z.looseObject({
  context: z.looseObject({
    ...SitePart,
    deployFile: z.string().default("deploy.json"),
    ciFile: z.string().default("CI.json"),
    registry: RegistrySettings.prefault({}),
    backend: Backend.default({ type: "local" }),
    releaseLines: ReleaseLines,
    policies: PolicySettings.prefault({}),
  }),
});

/** What `UNIDESK_HOSTS` names: another set of hosts than the checkout's, such as a second lab. */
const HostsFile = z.strictObject(SitePart);

/** Everything that the app and the commands know before they look at a host. */
export interface Site {
  /** Folder of the checkout. */
  readonly root: string;
  readonly target: string;
  readonly hosts: Hosts;
  readonly connections: Readonly<Record<HostName, Connection>>;
  readonly registry: RegistrySettings;
  readonly backend: Backend;
  readonly policies: PolicySettings;
  /** Pins file, relative to the checkout or absolute. */
  readonly deployFile: string;
  readonly ci: CiFile;
  /** Branches of the source repositories; a pinned commit is reachable from one of them. */
  readonly releaseLines: readonly string[];
  /** Who may approve what is supervised. */
  readonly approvers: readonly Approver[];
  /** Folder of the approvals; absolute. */
  readonly approvals: string;
  /** Port on the runner's loopback that leads to the cluster's API; empty for the one that follows from the host. */
  readonly kubernetesPort: string;
}

/**
 * Environment variables that select other files than the checkout's; `UNIDESK_ACCESS` is `observe` where the key that
 * reaches the hosts can look and do nothing else.
 */
const overrides = [
  "UNIDESK_HOSTS",
  "UNIDESK_DEPLOY_FILE",
  "UNIDESK_CI_FILE",
  "UNIDESK_APPROVALS",
  "UNIDESK_KUBERNETES_PORT",
  "UNIDESK_ACCESS",
] as const;
export type SiteOverrides = { readonly [name in (typeof overrides)[number]]?: string | undefined };

export function overridesOf(environment: NodeJS.ProcessEnv): SiteOverrides {
  return Object.fromEntries(overrides.map((name) => [name, environment[name]]));
}

function accessOf(value: string | undefined): "observe" | undefined {
  if (!value || value === "deploy") return undefined;
  if (value === "observe") return value;
  throw new UserError(
    { what: "UNIDESK_ACCESS is neither observe nor deploy", found: value, allowed: "observe, deploy" },
    exitCodes.usage,
  );
}

/** Reads `cdktf.json`, the hosts and `CI.json`, in that order; throws on the first file that is wrong. */
export function loadSite(root: string, overrides: SiteOverrides = {}): Site {
  const { context } = readJsonFile(resolve(root, "cdktf.json"), "cdktf.json", CdktfJson);
  const access = accessOf(overrides.UNIDESK_ACCESS);
  const hostsFile = overrides.UNIDESK_HOSTS;
  const ciFile = overrides.UNIDESK_CI_FILE || context.ciFile;
  const { target, hosts, approvers } = hostsFile
    ? readJsonFile(resolve(root, hostsFile), hostsFile, HostsFile)
    : context;
  return {
    root,
    target,
    hosts,
    connections: {
      d601: connectionOf(hosts, "d601", root, access),
      "main-server": connectionOf(hosts, "main-server", root, access),
    },
    registry: context.registry,
    backend: context.backend,
    policies: context.policies,
    deployFile: overrides.UNIDESK_DEPLOY_FILE || context.deployFile,
    ci: readCiFile(resolve(root, ciFile), ciFile),
    releaseLines: context.releaseLines,
    approvers: approversOf(approvers, root),
    approvals: resolve(root, overrides.UNIDESK_APPROVALS || "approvals"),
    kubernetesPort: overrides.UNIDESK_KUBERNETES_PORT ?? "",
  };
}

/** Reads the pins file; every pin that comes back has a consumer and a build. */
export function loadPins({ root, deployFile, ci }: Site): Pin[] {
  return builtPins(readJsonFile(resolve(root, deployFile), deployFile, DeployFile), ci, deployFile);
}

/** The pins of a file, each with a consumer and a build. */
export function builtPins(file: DeployFile, ci: CiFile, deployFile: string): Pin[] {
  const upstream = new Set(ci.artifacts.filter(({ kind }) => kind !== "build").map(({ serviceId }) => serviceId));
  // Before the catalog is asked, which knows no upstream image.
  for (const environment of environments) {
    for (const service of Object.keys(file.environments[environment] ?? {})) {
      if (upstream.has(service)) refuseUnbuiltPin({ environment, service }, ci, deployFile);
    }
  }
  const pins = resolvePins(file, deployFile);
  for (const pin of pins) refuseUnbuiltPin(pin, ci, deployFile);
  return pins;
}

/** An upstream image is catalog coverage only: listing it in CI.json never makes it deployable. */
function refuseUnbuiltPin(pin: Pick<Pin, "environment" | "service">, ci: CiFile, deployFile: string): void {
  const artifact = ci.artifacts.find(({ serviceId }) => serviceId === pin.service);
  if (artifact?.kind === "build") return;
  throw new UserError(
    {
      what: `${deployFile}: environments.${pin.environment}.${pin.service}: CI.json ${artifact ? "lists it as an upstream image, which is not deployable" : "has no entry for it"}`,
      found: pin.service,
      allowed: ci.artifacts
        .filter(({ kind }) => kind === "build")
        .map(({ serviceId }) => serviceId)
        .join(", "),
      remedy: "add a build entry to CI.json, or remove the pin",
    },
    exitCodes.usage,
  );
}
