import { join } from "node:path";
import { App, type TerraformStack, Testing } from "cdktf";
import { stringify } from "yaml";
import type { StepRuntime } from "../constructs/apply-step.ts";
import type { Site } from "../lib/config/site.ts";

/** Terraform's JSON of a stack, as far as tests read it. */
export interface Synthesized {
  readonly text: string;
  readonly terraform: { readonly backend: Record<string, Record<string, unknown>> };
  readonly resources: Readonly<Record<string, NullResource>>;
}

export interface NullResource {
  readonly triggers?: Readonly<Record<string, string>>;
  readonly depends_on?: readonly string[];
  readonly lifecycle?: { readonly ignore_changes?: string[]; readonly replace_triggered_by?: string[] };
  readonly provisioner: readonly Record<string, Provisioner>[];
}

export interface Provisioner {
  readonly connection?: Readonly<Record<string, unknown>>;
  readonly inline?: readonly string[];
  readonly content?: string;
  readonly command?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly when?: string;
}

/** An app whose output lies in the site's own folder, so that relative paths come out the same everywhere. */
export function appOf(site: Site): App {
  return new App({ outdir: join(site.root, "cdktf.out") });
}

export function runtimeOf({ connections }: Pick<Site, "connections">): StepRuntime {
  return { bundle: { path: "/checkout/.unidesk/steps/steps.mjs", sha256: "5".repeat(64) }, connections };
}

/** Synthesizes with all validations. */
export function synth(stack: TerraformStack): Synthesized {
  const text = Testing.synth(stack, true);
  const json = JSON.parse(text);
  return { text, terraform: json.terraform ?? {}, resources: json.resource?.null_resource ?? {} };
}

/** All provisioners of a resource with their types, in order. */
export function provisionersOf(resource: NullResource | undefined): [type: string, provisioner: Provisioner][] {
  return (resource?.provisioner ?? []).flatMap((one) => Object.entries(one));
}

/**
 * The shape of a stack for a snapshot: texts of several lines (files and scripts have tests of their own)
 * and hashes are left out, JSON in environment variables is spelled out.
 */
export function shapeOf({ text }: Synthesized): string {
  const simplify = (key: string, value: unknown): unknown => {
    if (key === "//") return undefined;
    if (typeof value !== "string") return value;
    if (value.includes("\n")) return "(text)";
    if (/^UNIDESK_.*(SPEC|CONNECTIONS|RECEIPT)$/.test(key)) return JSON.parse(value, simplify);
    return value.replaceAll(/\b[0-9a-f]{64}\b/g, "(sha256)");
  };
  return stringify(JSON.parse(text, simplify), { lineWidth: 0, aliasDuplicateObjects: false });
}
