import type { Runtime } from "../catalog/index.ts";
import { targetOf } from "../compose/target.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";
import type { PlacedEntry } from "../history/collect.ts";
import { readHistory } from "../history/read.ts";
import type { ComposeSubject } from "../observe/compose.ts";
import { observeHost } from "../observe/host.ts";
import { knownOf } from "../observe/subjects.ts";
import type { SecretLengths } from "../verdicts/secrets.ts";
import { consumerOf } from "./decision.ts";
import type { PlanSubject } from "./question.ts";

/** What a plan wants of the hosts; everything else in it is known without them. */
export interface PlanFacts {
  /** By service; absent where its host could not be asked. */
  readonly secrets: ReadonlyMap<string, SecretLengths>;
  /** By host; absent where its history could not be read. */
  readonly history: ReadonlyMap<HostName, readonly PlacedEntry[]>;
  readonly warnings: readonly string[];
}

export const nothingLookedAt: PlanFacts = {
  secrets: new Map(),
  history: new Map(),
  warnings: ["no host was asked (UNIDESK_OBSERVE=off): previous commits and secrets are not known"],
};

/** Asks the hosts that the subjects run on, all at once. A host without an answer is a warning. */
export async function lookForPlan(site: Site, subjects: readonly PlanSubject[]): Promise<PlanFacts> {
  const runtimes = subjects.flatMap(({ service, consumer, commit }) => {
    const { runtime } = consumerOf(consumer) ?? {};
    return runtime && commit ? [{ service, runtime, commit }] : [];
  });
  const hosts = [...new Set(runtimes.map(({ runtime }) => runtime.host))];
  const services = new Set(runtimes.map(({ service }) => service));
  const [history, secrets] = await Promise.all([
    readHistory(
      hosts.map((host) => site.connections[host]),
      services.size === 1 ? [...services][0] : undefined,
    ),
    Promise.all(hosts.map((host) => secretsOn(site, host, runtimes))),
  ]);
  return {
    secrets: new Map(secrets.flatMap(({ found }) => found)),
    history: history.byHost,
    warnings: [...new Set([...history.warnings, ...secrets.flatMap(({ warnings }) => warnings)])],
  };
}

interface Placed {
  readonly service: string;
  readonly runtime: Runtime;
  readonly commit: string;
}

interface HostSecrets {
  readonly found: readonly (readonly [service: string, lengths: SecretLengths])[];
  readonly warnings: readonly string[];
}

async function secretsOn(site: Site, host: HostName, runtimes: readonly Placed[]): Promise<HostSecrets> {
  const wanted = new Map<string, ComposeSubject>();
  try {
    for (const { service, runtime, commit } of runtimes) {
      if (runtime.kind !== "compose" || runtime.host !== host || !runtime.secrets?.length) continue;
      wanted.set(service, { service, target: targetOf(site, runtime), commit });
    }
    if (wanted.size === 0) return { found: [], warnings: [] };
    const subject = { services: [...wanted.values()] };
    const { services } = await observeHost(site.connections[host], subject, knownOf(site, host));
    return { found: [...services].map(([service, { secrets }]) => [service, secrets] as const), warnings: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { found: [], warnings: [`${host}: the secrets of ${[...wanted.keys()].join(", ")} were not looked at`] };
  }
}
