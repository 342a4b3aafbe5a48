import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { Site } from "./config/site.ts";
import { UserError } from "./errors.ts";

/** The needed part of Terraform's state format, version 4. */
const State = z.object({
  resources: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      instances: z.array(
        z.object({
          /** Set on an old object whose replacement failed half way. */
          deposed: z.string().optional(),
          attributes: z.object({ triggers: z.record(z.string(), z.string().nullable()).nullish() }).nullish(),
        }),
      ),
    }),
  ),
});

/** Triggers of every null_resource in a stack's state, by name. */
export type StateTriggers = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** File of a stack's state with the local backend. */
export function localStateFile(site: Pick<Site, "root" | "target">, stack: string): string {
  return join(site.root, "state", site.target, `${stack}.tfstate`);
}

/** Undefined where the state cannot be read before synth, as with a remote backend. */
export function readStateTriggers(site: Site, stack: string): StateTriggers | undefined {
  const resources = readResources(site, stack);
  return (
    resources &&
    new Map(
      resources
        .filter(({ type }) => type === "null_resource")
        .map(({ name, instances }) => [
          name,
          withoutNull(instances.find(({ deposed }) => !deposed)?.attributes?.triggers ?? {}),
        ]),
    )
  );
}

/** Addresses of the cluster's objects in a stack's state; none where that cannot be read before synth. */
export function readStateObjects(site: Site, stack: string): string[] {
  return (readResources(site, stack) ?? [])
    .filter(({ type }) => type.startsWith("kubernetes_"))
    .map(({ type, name }) => `${type}.${name}`);
}

function readResources(site: Site, stack: string): z.infer<typeof State>["resources"] | undefined {
  if (site.backend.type !== "local") return undefined;
  let text: string;
  try {
    text = readFileSync(localStateFile(site, stack), "utf8");
  } catch {
    return [];
  }
  const state = State.safeParse(parse(text || '{"resources":[]}', join("state", site.target, `${stack}.tfstate`)));
  return state.success ? state.data.resources : undefined;
}

/** Some versions of the null provider keep an empty value as null. */
function withoutNull(triggers: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(triggers).map(([key, value]) => [key, value ?? ""]));
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError({
      what: `${file} is not a Terraform state`,
      found: `${text.length} bytes that are not JSON`,
      remedy: `restore it from ${file}.backup, or move it away: an apply from an empty state changes nothing that is as declared`,
    });
  }
}
