import { repositoryName } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import type { Artifact } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { changePins, type OpenedPins } from "./file.ts";
import { changeOf, type LeftOut, type PinDecision, type PinRefusal, type PlannedPin } from "./plan.ts";

/** The registry as reasons name it. */
export function registryName({ registry }: Site): string {
  return `d601 127.0.0.1:${registry.port}`;
}

interface WantedTag {
  readonly service: string;
  readonly commit: string;
}

/** What the registry has under each commit tag, in the same order. */
export function readArtifacts(site: Site, wanted: readonly WantedTag[]): Promise<(Artifact | undefined)[]> {
  return withRegistry(site.connections.d601, site.registry.port, async (registry) => {
    await registry.ping();
    return Promise.all(wanted.map(({ service, commit }) => registry.artifact(repositoryName(service), commit)));
  });
}

/** What `pin set` and `pin rollback` did; the fields are a contract. */
export interface PinReport {
  readonly ok: true;
  readonly file: string;
  /** Whether the file was written. */
  readonly changed: boolean;
  readonly pins: readonly PlannedPin[];
  readonly leftOut: readonly LeftOut[];
  readonly warnings: readonly string[];
}

/** Writes all decided pins, or none where one of them is refused. */
export async function writeDecided(
  opened: OpenedPins,
  decisions: readonly PinDecision[],
  warnings: readonly string[],
  missingChannels: readonly string[],
): Promise<PinReport> {
  const refusals = decisions.flatMap((decision) => ("refusal" in decision ? [decision.refusal] : []));
  if (refusals.length > 0) throw refusalError(opened.name, refusals, warnings, missingChannels);
  const pins = decisions.flatMap((decision) => ("pin" in decision ? [decision.pin] : []));
  const leftOut = decisions.flatMap((decision) => ("leftOut" in decision ? [decision.leftOut] : []));
  if (pins.length === 0) {
    throw new UserError({
      what: `nothing was written to ${opened.name}: no pin is concerned`,
      found:
        leftOut.map(({ service, reason }) => `${service}: ${reason}`).join("\n           ") ||
        "no pin in that environment",
      remedy: "npx unidesk pin show",
    });
  }
  const changed = await changePins(opened, pins.filter((pin) => pin.changed).map(changeOf));
  return { ok: true, file: opened.name, changed, pins, leftOut, warnings };
}

/** Each warning without its own remedy, for a message that has one. */
export function briefly(warnings: readonly string[]): string {
  const brief = warnings.map((warning) =>
    warning
      .split("\n")
      .slice(0, 2)
      .map((line) => line.trim().replace(/^found: +/, ""))
      .join(": "),
  );
  return brief.join("\n           ");
}

function refusalError(
  file: string,
  refusals: readonly PinRefusal[],
  warnings: readonly string[],
  missingChannels: readonly string[],
): UserError {
  const blocked = refusals.some((refusal) => refusal.blocked);
  const texts = [...new Set(refusals.map(({ text }) => text))];
  const remedies = [...new Set(refusals.flatMap(({ remedy }) => remedy ?? []))];
  const problem = {
    what: [`nothing was written to ${file}:`, ...texts].join("\n"),
    ...(blocked && warnings.length > 0 ? { found: briefly(warnings) } : {}),
    ...(remedies.length > 0 ? { remedy: remedies.join("\n           ") } : {}),
  };
  if (!blocked) return new UserError(problem);
  return new InfraBlockedError(problem, missingChannels.length > 0 ? missingChannels : ["d601:git"]);
}
