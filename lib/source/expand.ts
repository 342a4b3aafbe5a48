import type { Site } from "../config/site.ts";
import { Commit } from "../config/values.ts";
import { UserError } from "../errors.ts";
import { runScript } from "../ssh/run.ts";

/** More matches than two are as good as two. */
const script = `
export GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1
git() { timeout 20 git -c safe.directory="$1" --git-dir="$1" "${"$"}{@:2}" </dev/null; }
for object in $(git "$1" rev-parse --disambiguate="$2" | head -n 50); do
  [ "$(git "$1" cat-file -t "$object")" != commit ] || echo "$object"
done | head -n 2
`;

/** The one commit that a repository on d601 has under a short name; undefined where there is not exactly one, or no answer. */
export async function expandCommit(site: Site, repository: string, short: string): Promise<Commit | undefined> {
  const path = site.hosts.d601.git[repository];
  if (!path || !/^[0-9a-f]{4,39}$/.test(short)) return undefined;
  try {
    const { stdout } = await runScript(site.connections.d601, script, [path, short], { timeoutSeconds: 30 });
    const [commit, second] = stdout.trim().split("\n");
    return second === undefined ? Commit.safeParse(commit).data : undefined;
  } catch (error) {
    // It is advice for a refusal, which stands without it.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
