import type { Site } from "../config/site.ts";
import type { Commit } from "../config/values.ts";
import { type CommitQuestion, questionKey, readSource } from "../source/read.ts";
import type { OpenedPins } from "./file.ts";
import { type PinReport, readArtifacts, registryName, writeDecided } from "./gather.ts";
import { decideSet, type PinTarget } from "./plan.ts";

/** Pins a published commit; nothing is written where one of the services cannot have it. */
export async function setPins(
  site: Site,
  opened: OpenedPins,
  targets: readonly PinTarget[],
  commit: Commit,
  all: boolean,
): Promise<PinReport> {
  const questions = targets.map(({ build, current }): CommitQuestion => {
    return { repository: build.sourceRepo, commit, from: current?.commit };
  });
  const [source, artifacts] = await Promise.all([
    readSource(site, questions),
    readArtifacts(
      site,
      targets.map(({ service }) => ({ service, commit })),
    ),
  ]);
  const names = { releaseLines: site.releaseLines, registry: registryName(site), clones: site.hosts.d601.git };
  const decisions = targets.map((target, index) => {
    const question = questions[index];
    const facts = question && source.commits.get(questionKey(question));
    if (!facts) throw new Error(`no answer about ${target.service}`);
    return decideSet(target, commit, { artifact: artifacts[index], source: facts, all }, names);
  });
  return writeDecided(opened, decisions, source.warnings, source.missingChannels);
}
