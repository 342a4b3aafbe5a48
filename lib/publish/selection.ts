import type { BuildArtifact, CiFile } from "../config/ci-file.ts";
import { findBuild } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import type { Commit } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { mustRun } from "../ssh/script.ts";

/** A build entry that `--all` leaves out. */
export interface LeftOut {
  readonly serviceId: string;
  readonly reason: string;
}

export interface Selection {
  readonly builds: readonly BuildArtifact[];
  readonly leftOut: readonly LeftOut[];
}

/** The entries of the named services, each once; a name may hold several with commas between them. */
export function namedBuilds(ci: CiFile, names: readonly string[]): Selection {
  const services = names.flatMap((name) => name.split(",")).map((name) => name.trim());
  return { builds: [...new Set(services)].map((service) => findBuild(ci, service)), leftOut: [] };
}

/** Prints the number of each repository that has the commit. */
export const containsScript = `
set -u
export GIT_NO_REPLACE_OBJECTS=1
commit=$1
shift
number=0
for repository in "$@"; do
  [ "$(git -c safe.directory="$repository" -C "$repository" cat-file -t "$commit" 2>/dev/null)" = commit ] && echo $number
  number=$((number + 1))
done
exit 0
`;

/** Every build entry whose source repository on D601 has the commit. */
export async function buildsOfCommit(site: Site, commit: Commit): Promise<Selection> {
  const builds = site.ci.artifacts.filter((entry) => entry.kind === "build");
  const clones = Object.entries(site.hosts.d601.git);
  const numbers = await mustRun(site.connections.d601, "look for the commit", containsScript, [
    commit,
    ...clones.map(([, path]) => path),
  ]);
  const containing = new Set(numbers.split("\n").flatMap((line) => clones[line === "" ? -1 : Number(line)]?.[0] ?? []));
  if (containing.size === 0) {
    throw new UserError({
      what: "no source repository on d601 has the commit",
      found: commit,
      allowed: `a commit of ${clones.map(([url]) => url).join(", ") || "no repository yet"}`,
      remedy: "push it to the source repository, and let D601 fetch it",
    });
  }
  const selection = {
    builds: builds.filter(({ sourceRepo }) => containing.has(sourceRepo)),
    leftOut: builds
      .filter(({ sourceRepo }) => !containing.has(sourceRepo))
      .map(({ serviceId, sourceRepo }) => ({ serviceId, reason: `${sourceRepo} does not have the commit` })),
  };
  if (selection.builds.length > 0) return selection;
  throw new UserError(
    {
      what: "CI.json builds nothing from the repository that has the commit",
      found: [...containing].join(", "),
      remedy: "add a build entry to CI.json",
    },
    exitCodes.usage,
  );
}
