import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Site } from "../config/site.ts";
import type { SiteFacts } from "../observe/site.ts";
import { localStateFile } from "../state.ts";
import type { StackFolder } from "./terraform.ts";

/** Providers whose reads the look at the hosts covers. Those of null_resource read nothing. */
const covered = new Set(["null", "docker", "kubernetes"]);

/**
 * Names everything that a stack's plan follows from: its configuration, its state, the objects that its providers
 * read, and how Terraform is told to plan. Undefined where something of that cannot be known without planning.
 */
export function planInputs(
  { name, path, environment, refresh }: StackFolder,
  site: Site,
  observed: SiteFacts,
): string | undefined {
  // A remote state may be anybody's last write, and what was not refreshed is nobody's truth.
  if (site.backend.type !== "local" || refresh === false) return undefined;
  const text = readFileSync(join(path, "cdk.tf.json"), "utf8");
  const { provider = {} } = JSON.parse(text) as { provider?: Record<string, unknown> };
  const providers = Object.keys(provider);
  if (providers.some((one) => !covered.has(one))) return undefined;
  const d601 = observed.hosts.d601;
  const images = providers.includes("docker") ? d601?.dockerImages : "";
  const objects = providers.includes("kubernetes") ? objectsOf(observed) : "";
  if (images === undefined || objects === undefined) return undefined;
  const variables = Object.entries(environment).filter(([key]) => key.startsWith("TF_"));
  const parts = [text, contentOf(localStateFile(site, name)), contentOf(join(path, ".terraform.lock.hcl"))];
  const all = [...parts, images, objects, JSON.stringify(variables.sort())];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}

/** Every Deployment and Service by its resourceVersion, which any write changes; undefined where the API gave no answer. */
function objectsOf({ hosts }: SiteFacts): string | undefined {
  const k3s = hosts.d601?.k3s;
  if (!k3s) return undefined;
  const versions: string[] = [];
  for (const [key, { cluster }] of k3s) {
    if (!cluster) return undefined;
    for (const [name, { deployment, service }] of Object.entries(cluster.workloads)) {
      versions.push(`${key} ${name} ${deployment?.version ?? "none"} ${service?.version ?? "none"}`);
    }
  }
  return versions.sort().join("\n");
}

function contentOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
