import { findBuild, repositoryName } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Commit, type Digest, type Environment } from "../config/values.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { observeSite } from "../observe/site.ts";
import { printable } from "../printable.ts";
import { withRegistry } from "../registry/open.ts";
import { readNewest } from "../source/newest.ts";
import { type CommitQuestion, questionKey, readSource } from "../source/read.ts";
import { registryName } from "./gather.ts";
import { type LivePin, livePin } from "./live.ts";
import { type JudgedNewest, judgeNewest, type NewestImage, newestPublished } from "./newest.ts";

/** One pin as `pin show` reports it; the fields are a contract. What could not be looked at is "unknown". */
export interface ShownPin {
  readonly service: string;
  readonly environment: Environment;
  readonly decision: "deployable" | "supervised" | "plan-only" | "blocked";
  readonly pinned: { readonly commit: Commit; readonly digest: Digest | null; readonly rollback: string | null };
  readonly live: LivePin;
  readonly newestPublished: JudgedNewest;
  /** How many commits of a release line's head the pinned commit lacks; null where it is on no line, or unknown. */
  readonly behind: { readonly releaseLine: string; readonly commits: number } | null;
  /** From the live commit to the pinned one: what an apply would bring. */
  readonly relation: "same" | "forward" | "backward" | "diverged" | "unknown";
  /** Commits that an apply would bring in, and take out. */
  readonly ahead: number;
  readonly behindLive: number;
}

export interface PinsShown {
  /** At least one of hosts, registry and source repositories answered. */
  readonly ok: boolean;
  readonly file: string;
  readonly pins: readonly ShownPin[];
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

export async function showPins(site: Site, pins: readonly Pin[]): Promise<PinsShown> {
  const [facts, registry] = await Promise.all([observeSite(site, pins), publishedCommits(site, pins)]);
  const rows = pins.map((pin) => {
    const live = livePin(site, pin, facts);
    const repository = findBuild(site.ci, pin.service).sourceRepo;
    const question: CommitQuestion = { repository, commit: pin.commit, from: live.commit ?? undefined };
    return { pin, live, question };
  });
  const published = [...new Map(rows.map(({ pin, question }) => [pin.service, question.repository]))].flatMap(
    ([service, repository]) => {
      const commits = registry.commits?.get(service);
      return commits ? [{ service, repository, commits }] : [];
    },
  );
  const [source, newest] = await Promise.all([
    readSource(
      site,
      rows.map(({ question }) => question),
    ),
    readNewest(site, published),
  ]);
  const newestOf = rows.map(({ pin, question }) =>
    newestPublished(newest.newest.get(pin.service), site.releaseLines, source.commits.get(questionKey(question))),
  );
  const images = await newestImages(
    site,
    newestOf.flatMap(({ commit }, index) => (commit ? [{ service: rows[index]?.pin.service ?? "", commit }] : [])),
  );
  const shown = rows.map(({ pin, live, question }, index): ShownPin => {
    const pinned = source.commits.get(questionKey(question));
    const published = newestOf[index] ?? newestPublished(undefined, [], undefined);
    const { planOnly, supervised } = pin.consumer;
    const [releaseLine] = pinned?.releaseLines ?? [];
    return {
      service: pin.service,
      environment: pin.environment,
      decision: planOnly?.decision ?? (supervised ? "supervised" : "deployable"),
      pinned: { commit: pin.commit, digest: pin.digest ?? null, rollback: pin.rollback ?? null },
      live,
      newestPublished: judgeNewest(
        pin.service,
        published,
        images.byTag.get(`${pin.service}:${published.commit}`),
        registryName(site),
      ),
      behind: releaseLine === undefined ? null : { releaseLine, commits: pinned?.behindReleaseLine ?? 0 },
      relation: live.commit === pin.commit ? "same" : (pinned?.relation ?? "unknown"),
      ahead: pinned?.ahead ?? 0,
      behindLive: pinned?.behind ?? 0,
    };
  });
  const hostChannels = facts.warnings.flatMap(
    (warning) => /^infra-blocked \(([^)]*)\)/.exec(warning)?.[1]?.split(", ") ?? [],
  );
  return {
    ok: Object.keys(facts.hosts).length > 0 || registry.commits !== undefined || source.warnings.length === 0,
    file: site.deployFile,
    pins: shown,
    warnings: [
      ...new Set([...facts.warnings, ...registry.warnings, ...source.warnings, ...newest.warnings, ...images.warnings]),
    ],
    missingChannels: [
      ...new Set([
        ...hostChannels,
        ...registry.missingChannels,
        ...source.missingChannels,
        ...newest.missingChannels,
        ...images.missingChannels,
      ]),
    ],
  };
}

interface NewestImages {
  /** By `frontend:<commit>`; what could not be looked at is not in it. */
  readonly byTag: ReadonlyMap<string, NewestImage>;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

/** The images of the newest commits, each once: a tag alone does not say that a pin may have it. */
async function newestImages(
  site: Site,
  newest: readonly { readonly service: string; readonly commit: Commit }[],
): Promise<NewestImages> {
  const wanted = [...new Map(newest.map((one) => [`${one.service}:${one.commit}`, one]))];
  if (wanted.length === 0) return { byTag: new Map(), warnings: [], missingChannels: [] };
  try {
    const images = await withRegistry(site.connections.d601, site.registry.port, (registry) =>
      Promise.all(
        wanted.map(async ([tag, { service, commit }]): Promise<[string, NewestImage]> => {
          try {
            return [tag, { artifact: await registry.artifact(repositoryName(service), commit) }];
          } catch (error) {
            if (error instanceof InfraBlockedError || !(error instanceof UserError)) throw error;
            return [tag, { problem: printable(`${service}: ${error.problem.what}`) }];
          }
        }),
      ),
    );
    return { byTag: new Map(images), warnings: [], missingChannels: [] };
  } catch (error) {
    if (!(error instanceof InfraBlockedError)) throw error;
    const { message, missingChannels } = error;
    return { byTag: new Map(), warnings: [`infra-blocked: ${message}`], missingChannels };
  }
}

interface Published {
  /** By service; undefined where the registry gave no answer. */
  readonly commits: ReadonlyMap<string, readonly Commit[]> | undefined;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

async function publishedCommits(site: Site, pins: readonly Pin[]): Promise<Published> {
  const services = [...new Set(pins.map(({ service }) => service))];
  try {
    const tags = await withRegistry(site.connections.d601, site.registry.port, async (registry) => {
      await registry.ping();
      return Promise.all(services.map((service) => registry.tags(repositoryName(service))));
    });
    const commitsOf = (names: readonly string[]) => names.flatMap((name) => Commit.safeParse(name).data ?? []);
    return {
      commits: new Map(services.map((service, index) => [service, commitsOf(tags[index] ?? [])])),
      warnings: [],
      missingChannels: [],
    };
  } catch (error) {
    if (!(error instanceof InfraBlockedError)) throw error;
    return {
      commits: undefined,
      warnings: [`infra-blocked: ${error.message}`],
      missingChannels: error.missingChannels,
    };
  }
}
