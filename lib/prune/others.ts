import { repositoryName } from "../config/ci-file.ts";
import type { Connection } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { kubeconfigOption } from "../kubernetes/kubeconfig.ts";
import { imageLabels } from "../labels.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { mustRun } from "../ssh/script.ts";
import type { Use } from "./decide.ts";
import { usesInText } from "./live.ts";

/**
 * Prints `<what>\t<service or ->\t<text with commits and digests>` lines: every container with its image, running or
 * not; what an unfinished deployment goes back to; every workload of the cluster. Arguments: folder of the deploy
 * jobs, kubectl or nothing, folder of the history. Fails where Docker or the cluster gives no answer.
 */
export const otherUsesScript = `
set -u -o pipefail
export LC_ALL=C
${asRootFunction}
image_format='{{or (index .Config.Labels "${imageLabels.service}") "-"}}{{"\\t"}}{{index .Config.Labels "${imageLabels.revision}"}} {{.RepoTags}} {{.RepoDigests}}'
# ask ARGUMENT...: docker's answer in $answer, nothing where it says that there is no such thing; anything else ends the look
ask() {
  local said
  answer=$(timeout 20 docker "$@" 2>/dev/null) && return
  answer=
  said=$(timeout 20 docker "$@" 2>&1 >/dev/null) && said="no answer at first"
  [[ \${said,,} =~ no\\ such\\ (object|container|image) ]] || { echo "docker $1: \${said:-no answer}" >&2; exit 1; }
}
ids=$(timeout 20 docker ps -aq --no-trunc) || { echo "docker gives no answer" >&2; exit 1; }
for id in $ids; do
  ask inspect --type container -f '{{.Name}} {{.Image}} {{.Config.Image}}' "$id"
  [ -n "$answer" ] || continue
  read -r name image reference <<< "$answer"
  printf 'container %s\\t-\\t%s\\n' "\${name#/}" "$reference"
  # An image that was removed below its container is known by its name alone.
  ask image inspect -f "$image_format" "$image"
  [ -z "$answer" ] || printf 'container %s\\t%s\\n' "\${name#/}" "$answer"
done
timeout 20 docker version -f '{{.Server.Version}}' >/dev/null || { echo "docker gives no answer" >&2; exit 1; }
# A folder that cannot be read looks like an empty one.
for place in "$1" "$3"; do
  [ ! -e "$place" ] || [ -z "$(find "$place" '(' -type d ! -executable -o ! -readable ')' -print -quit 2>&1)" ] || { echo "$place cannot be read" >&2; exit 1; }
done
for pending in "$1"/*/*/pending; do
  [ -f "$pending" ] || continue
  (
    service=- id= previous_commit= previous_image= commit=
    . "$pending" && . "$(dirname "$pending")/$id/spec" || { echo "$pending cannot be read" >&2; exit 1; }
    answer=
    [ -z "$previous_image" ] || ask image inspect -f '{{index .Config.Labels "${imageLabels.revision}"}} {{.RepoTags}} {{.RepoDigests}}' "$previous_image"
    printf 'an unfinished deployment\\t%s\\t%s %s %s\\n' "$service" "$previous_commit" "$commit" "$answer"
  ) || exit 1
done
[ -n "$2" ] || exit 0
images=$(as_root timeout -k 2 20 $2 ${kubeconfigOption} --request-timeout=15s get pods,deployments,statefulsets,daemonsets,jobs,cronjobs -A -o 'jsonpath={..image}{" "}{..imageID}') || exit 1
for image in $images; do printf 'the cluster\\t-\\t%s\\n' "$image"; done
`;

/** What hosts run or may go back to besides the catalog's consumers. */
export async function otherUses(site: Site): Promise<Use[]> {
  const kubectl = site.hosts.d601.kubernetes?.kubectl ?? "";
  const { d601, "main-server": mainServer } = site.connections;
  const looks = await Promise.all([look(d601, kubectl), look(mainServer, "")]);
  return looks.flat();
}

async function look(host: Connection, kubectl: string): Promise<Use[]> {
  const { deployJobs, history } = hostPaths(host);
  const args = [deployJobs, kubectl, history];
  let text: string;
  try {
    text = await mustRun(host, "look at what runs", otherUsesScript, args, { timeoutSeconds: 120 });
  } catch (error) {
    if (error instanceof InfraBlockedError || !(error instanceof UserError)) throw error;
    throw new InfraBlockedError(error.problem, [`${host.name}:${kubectl ? "docker or kubernetes" : "docker"}`]);
  }
  return parseOthers(text, host.name);
}

export function parseOthers(text: string, host: string): Use[] {
  return text.split("\n").flatMap((line) => {
    const [what = "", service = "-", named = ""] = line.split("\t");
    const repository = service === "-" ? repositoryIn(named) : repositoryName(service);
    return usesInText(named, `used by ${what} on ${host}`, repository);
  });
}

/** `unidesk/frontend` of `127.0.0.1:5000/unidesk/frontend:<commit>`. */
function repositoryIn(reference: string): string | undefined {
  return /^[^/\s]+:\d+\/(unidesk\/[a-z0-9-]+)[:@]/.exec(reference)?.[1];
}
