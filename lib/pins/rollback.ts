import type { Pin } from "../config/deploy-file.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { isSamePlace } from "../history/collect.ts";
import { previousHealthy } from "../history/previous.ts";
import { readHistory, type SiteHistory } from "../history/read.ts";
import type { Artifact } from "../registry/client.ts";
import { questionKey, readSource } from "../source/read.ts";
import type { OpenedPins } from "./file.ts";
import { briefly, type PinReport, readArtifacts, registryName, writeDecided } from "./gather.ts";
import { decideRollback, type PinTarget } from "./plan.ts";

type PinnedTarget = PinTarget & { readonly current: Pin };

/** Pins the previous healthy commit of each service. Needs the history on its host; the registry only where that has no digest. */
export async function rollBackPins(
  site: Site,
  opened: OpenedPins,
  targets: readonly PinnedTarget[],
  { reason, all }: { readonly reason: string | undefined; readonly all: boolean },
): Promise<PinReport> {
  const history = await historyOf(site, targets, all);
  const found = targets.map((target) => {
    const { service, environment, current, consumer, build } = target;
    const place = { service, environment, host: consumer.runtime.host };
    const previous = consumer.planOnly ? undefined : previousHealthy(history.entries, place, current.commit);
    const question = previous && { repository: build.sourceRepo, commit: previous.commit, from: current.commit };
    const cut = history.cut.some((one) => isSamePlace(one, place));
    return { target, previous, cut, question };
  });
  const back = found.flatMap(({ target: { service }, previous }) => (previous ? [{ service, ...previous }] : []));
  const [source, registry] = await Promise.all([
    readSource(
      site,
      found.flatMap(({ question }) => question ?? []),
    ),
    artifactsOrNone(site, back),
  ]);
  const names = { releaseLines: site.releaseLines, registry: registryName(site) };
  const decisions = found.map(({ target, previous, cut, question }) => {
    const at = back.findIndex(({ service }) => service === target.service);
    const artifact = registry.artifacts ? registry.artifacts[at] : "unreachable";
    const facts = question && source.commits.get(questionKey(question));
    return decideRollback(target, { previous, cut, artifact, source: facts, reason, all }, names);
  });
  const warnings = [...history.warnings, ...registry.warnings, ...source.warnings];
  const missing = [...registry.missingChannels, ...source.missingChannels];
  return writeDecided(opened, decisions, [...new Set(warnings)], [...new Set(missing)]);
}

/** A service whose own host gives no answer has no history that could be judged: nothing is guessed. */
async function historyOf(site: Site, targets: readonly PinnedTarget[], all: boolean): Promise<SiteHistory> {
  const hosts = new Set<HostName>(
    targets.filter(({ consumer }) => !consumer.planOnly).map(({ consumer }) => consumer.runtime.host),
  );
  const service = all ? undefined : targets[0]?.service;
  const history = await readHistory(
    [...hosts].map((host) => site.connections[host]),
    service,
  );
  if (history.byHost.size === hosts.size) return history;
  const problem = {
    what: "nothing was written: without the history on the service's host there is no commit to roll back to",
    found: briefly(history.warnings),
    remedy: "restore the way to the host, or name a commit: npx unidesk pin set",
  };
  const channels = history.missingChannels;
  throw channels.length > 0 ? new InfraBlockedError(problem, channels) : new UserError(problem);
}

interface RegistryLook {
  /** Undefined where the registry is not reachable. */
  readonly artifacts: readonly (Artifact | undefined)[] | undefined;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

async function artifactsOrNone(
  site: Site,
  wanted: readonly { service: string; commit: string }[],
): Promise<RegistryLook> {
  if (wanted.length === 0) return { artifacts: [], warnings: [], missingChannels: [] };
  try {
    return { artifacts: await readArtifacts(site, wanted), warnings: [], missingChannels: [] };
  } catch (error) {
    if (!(error instanceof InfraBlockedError)) throw error;
    return {
      artifacts: undefined,
      warnings: [`infra-blocked: ${error.message}`],
      missingChannels: error.missingChannels,
    };
  }
}
