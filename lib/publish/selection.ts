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
  [ "$(git -c safe.directory="$repository" -C "$repository" rev-parse --verify --quiet "$commit^{commit}" 2>/dev/null)" = "$commit" ] && echo $number
  number=$((number + 1))
done
exit 0
`;

/** Arguments: commit, then repository and Dockerfile of each build. Prints the number of each whose Dockerfile the commit lacks. */
export const lacksDockerfileScript = `
set -u
export GIT_NO_REPLACE_OBJECTS=1
commit=$1
shift
for ((number = 0; $# > 0; number++)); do
  [ "$(git -c safe.directory="$1" -C "$1" cat-file -t "$commit:$2" 2>/dev/null)" = blob ] || echo $number
  shift 2
done
`;

/** Every build entry whose source repository on D601 has the commit, and whose Dockerfile the commit has. */
export async function buildsOfCommit(site: Site, commit: Commit): Promise<Selection> {
  const builds = site.ci.artifacts.filter((entry) => entry.kind === "build");
  const clones = Object.entries(site.hosts.d601.git);
  const numbers = await mustRun(site.connections.d601, "look for the commit", containsScript, [
    commit,
    ...clones.map(([, path]) => path),
  ]);
  const containing = new Set(numbers.split("\n").flatMap((line) => clones[line === "" ? -1 : Number(line)]?.[0] ?? []));
  if (containing.size === 0) {
    const fetches = clones.length === 0 ? [] : [clones.map(([, path]) => `git -C ${path} fetch --prune`).join(" or ")];
    throw new UserError({
      what: "no source repository on d601 has the commit",
      found: commit,
      allowed: `a commit of ${clones.map(([url]) => url).join(", ") || "no repository yet"}`,
      remedy: ["push it to the source repository; where it is pushed, let d601's clones fetch it", ...fetches].join(
        ": ",
      ),
    });
  }
  const foreign = builds.filter(({ sourceRepo }) => !containing.has(sourceRepo));
  const own = builds.filter(({ sourceRepo }) => containing.has(sourceRepo));
  if (own.length === 0) {
    throw new UserError(
      {
        what: "CI.json builds nothing from the repository that has the commit",
        found: [...containing].join(", "),
        remedy: "add a build entry to CI.json",
      },
      exitCodes.usage,
    );
  }
  const lacking = new Set(
    (
      await mustRun(site.connections.d601, "look for the Dockerfiles", lacksDockerfileScript, [
        commit,
        ...own.flatMap(({ sourceRepo, dockerfile }) => [site.hosts.d601.git[sourceRepo] ?? "", dockerfile]),
      ])
    )
      .split("\n")
      .filter((line) => line !== "")
      .map(Number),
  );
  if (lacking.size === own.length) {
    throw new UserError({
      what: "the commit has the Dockerfile of no service that CI.json builds from its repository",
      found: commit,
      allowed: [...new Set(own.map(({ dockerfile }) => dockerfile))].join(", "),
      remedy: "correct dockerfile in CI.json, or publish a commit that has them",
    });
  }
  return {
    builds: own.filter((_, index) => !lacking.has(index)),
    leftOut: [
      ...foreign.map(({ serviceId, sourceRepo }) => ({ serviceId, reason: `${sourceRepo} does not have the commit` })),
      ...own
        .filter((_, index) => lacking.has(index))
        .map(({ serviceId, dockerfile }) => ({ serviceId, reason: `the commit has no ${dockerfile}` })),
    ],
  };
}
