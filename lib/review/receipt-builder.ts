import { repositoryName } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { messageOf, UserError } from "../errors.ts";
import { isEntryOf, type PlacedEntry } from "../history/collect.ts";
import { readHistory } from "../history/read.ts";
import { observeSite } from "../observe/site.ts";
import type { Artifact } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { type ApplyOutcome, interruptedReason } from "./apply.ts";
import { secondsOf } from "./estimate.ts";
import { judgePlaces, placesOf } from "./places.ts";
import type { Receipt, ServiceReceipt } from "./receipt.ts";
import { isApplied, type ServiceReview } from "./report.ts";

/** Looks once more at everything that was applied, and sets what was found beside what was said. */
export async function makeReceipt(outcome: ApplyOutcome, say: (line: string) => void): Promise<Receipt> {
  const { report, synthesized, stacks } = outcome;
  const { site, pins } = synthesized;
  say("looking at what runs now");
  const touched = report.services.filter(isApplied).flatMap((service) => {
    const pin = pins.find((one) => one.service === service.service && one.environment === service.environment);
    return pin ? [{ pin, service }] : [];
  });
  const [observed, history, artifacts] = await Promise.all([
    observeSite(site, pins),
    readHistory(Object.values(site.connections)),
    readArtifacts(
      site,
      touched.map(({ pin }) => pin),
      say,
    ),
  ]);
  const services = touched.map(({ pin, service }): ServiceReceipt => {
    const artifact = artifacts.get(pin.service + pin.commit);
    const { seen, ...digests } = placesOf(pin, site, observed, artifact);
    const { agrees, differs } = judgePlaces(pin, { seen, ...digests });
    return {
      ...{
        service: pin.service,
        environment: pin.environment,
        host: service.host,
        commit: pin.commit,
        digests,
        agrees,
        differs,
      },
      predicted: {
        bytes: service.transfer.bytes,
        seconds: service.time.seconds,
        downtimeSeconds: service.time.downtimeSeconds,
      },
      measured: measuredOf(service, history.entries, outcome.startedAt),
      result: resultOf(stacks.find(({ name }) => name === service.stack)?.result, agrees),
    };
  });
  const failed =
    stacks.some(({ result, reason }) => result === "failed" || reason === interruptedReason) ||
    stacks.every(({ result }) => result === "skipped") ||
    services.some(({ agrees, result }) => !agrees && result !== "skipped");
  const some = stacks.some(({ result }) => result === "applied");
  return {
    version: 1,
    fingerprint: report.fingerprint,
    target: report.target,
    startedAt: outcome.startedAt,
    finishedAt: outcome.finishedAt,
    operator: outcome.operator,
    result: failed ? (some ? "partial" : "failed") : "applied",
    stacks: [...stacks],
    services,
  };
}

function resultOf(stack: ServiceReceipt["result"] | undefined, agrees: boolean): ServiceReceipt["result"] {
  // Of a stack that failed a service may be through all the same.
  return stack === "failed" && agrees ? "applied" : (stack ?? "skipped");
}

async function readArtifacts(
  site: Site,
  pins: readonly Pin[],
  say: (line: string) => void,
): Promise<ReadonlyMap<string, Artifact>> {
  if (pins.length === 0) return new Map();
  try {
    return await withRegistry(site.connections.d601, site.registry.port, async (client) => {
      const all = pins.map(async ({ service, commit }) => {
        const artifact = await client.artifact(repositoryName(service), commit);
        return artifact ? [[service + commit, artifact] as const] : [];
      });
      return new Map((await Promise.all(all)).flat());
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(`the registry was not asked: ${messageOf(error)}`);
    return new Map();
  }
}

function measuredOf(
  service: ServiceReview,
  history: readonly PlacedEntry[],
  since: string,
): ServiceReceipt["measured"] {
  const entry = history.find(
    (one) => isEntryOf(service, one) && Date.parse(one.finishedAt) >= Date.parse(since) - 1000,
  );
  if (!entry) return { bytes: null, seconds: null, downtimeSeconds: null };
  return { bytes: entry.bytes ?? null, seconds: secondsOf(entry), downtimeSeconds: entry.downtimeSeconds ?? null };
}
