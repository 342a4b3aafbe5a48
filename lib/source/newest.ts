import type { Site } from "../config/site.ts";
import { Commit } from "../config/values.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { shellCommand } from "../ssh/quote.ts";
import { mustRun } from "../ssh/script.ts";
import { sourcePlaces } from "./read.ts";
import type { SourcePlaces } from "./script.ts";

/** Bounds of one look; whatever is beyond them stays unknown. */
const bounds = { commits: 50_000, seconds: 45 } as const;

/** The commits that something was published under. */
export interface PublishedCommits {
  readonly service: string;
  /** `sourceRepo` of CI.json. */
  readonly repository: string;
  readonly commits: readonly Commit[];
}

/** By release line; undefined on a line that reaches none of the commits. A line that could not be asked is not in it. */
export type NewestOfLines = ReadonlyMap<string, Commit | undefined>;

export interface NewestFacts {
  /** By service; what could not be asked is not in it. */
  readonly newest: ReadonlyMap<string, NewestOfLines>;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

/**
 * Finds in bare repositories which of many commits comes first on each release line, from its head on. Standard input:
 * lines of `<number of the set> <index of the repository> <commit>`. Prints `<set> <line> <commit, none or failed>`, and
 * `done` where it came to the end.
 */
export function newestScript({ releaseLines, repositories }: SourcePlaces): string {
  return `
lines=(${shellCommand(releaseLines)})
repositories=(${shellCommand(repositories)})
set -u
export LC_ALL=C GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0
command -v git >/dev/null || { echo "git is missing on this host" >&2; exit 1; }
questions=$(head -c ${bounds.commits * 50})
if wrong=$(grep -m1 -vE '^(0|[1-9][0-9]{0,2}) (0|[1-9][0-9]{0,2}) [0-9a-f]{40}$' <<< "$questions"); then
  echo "this is no question: $wrong" >&2
  exit 2
fi
git() { timeout -k 2 20 git -c safe.directory="$repository" --git-dir="$repository" "$@" </dev/null; }
commits() { awk -v set="$1" '$1 == set { print $3 }' <<< "$questions"; }
while read -r set index; do
  repository=\${repositories[index]:-}
  for line in "\${!lines[@]}"; do
    [ $SECONDS -lt ${bounds.seconds} ] || exit 0
    head=$(git rev-parse --verify --quiet "refs/heads/\${lines[line]}^{commit}")
    case $? in
      # Where git does not come to the end, nothing is known of the rest.
      0) found=$({ git rev-list --date-order "$head" -- || echo failed; } 2>/dev/null | grep -m1 -Fx -f <(commits "$set"; echo failed)) || found=none ;;
      1) found=none ;;
      *) found=failed ;;
    esac
    echo "$set $line $found"
  done
done < <(cut -d' ' -f1,2 <<< "$questions" | sort -u)
echo "done"
`;
}

/** Which published commit of each service is the newest of each release line, in one command. What cannot be seen is left out, with a warning; it never throws for that. */
export async function readNewest(site: Site, published: readonly PublishedCommits[]): Promise<NewestFacts> {
  const indexes = Object.keys(site.hosts.d601.git);
  let left: number = bounds.commits;
  const asked = published.filter(({ repository, commits }) => {
    const fits = indexes.includes(repository) && commits.length <= left;
    if (fits) left -= commits.length;
    return fits;
  });
  const tooMany = published.filter((one) => !asked.includes(one) && indexes.includes(one.repository));
  const warnings = tooMany.map(
    ({ service }) => `${service}: more than ${bounds.commits} published commits in all; which is the newest is unknown`,
  );
  const input = asked.flatMap(({ repository, commits }, set) =>
    commits.map((commit) => `${set} ${indexes.indexOf(repository)} ${commit}\n`),
  );
  const nothing = new Map(asked.map(({ service }) => [service, new Map()]));
  if (input.length === 0) return { newest: nothing, warnings, missingChannels: [] };
  try {
    const script = newestScript(sourcePlaces(site));
    const options = { input: input.join(""), timeoutSeconds: 70 };
    const text = await mustRun(site.connections.d601, "ask the source repositories", script, [], options);
    const lines = text.split("\n");
    const newest = new Map(
      asked.map(({ service, commits }, set): [string, NewestOfLines] => [
        service,
        new Map(
          site.releaseLines.flatMap((name, line): [string, Commit | undefined][] => {
            const found = lines.find((one) => one.startsWith(`${set} ${line} `))?.split(" ")[2];
            if (commits.length === 0 || found === "none") return [[name, undefined]];
            const { data } = Commit.safeParse(found);
            return data ? [[name, data]] : [];
          }),
        ),
      ]),
    );
    const cut = `d601: the answer about published commits was cut after ${bounds.seconds} s; some are unknown`;
    return { newest, warnings: lines.includes("done") ? warnings : [...warnings, cut], missingChannels: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const blocked = error instanceof InfraBlockedError;
    return {
      newest: new Map(),
      warnings: [...warnings, `${blocked ? "infra-blocked: " : ""}${error.message}`],
      missingChannels: blocked ? error.missingChannels : [],
    };
  }
}
