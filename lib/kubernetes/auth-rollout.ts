import type { Connection } from "../config/hosts.ts";
import { authAnnotations } from "../labels.ts";
import { authTargetFunctions } from "./auth-target.ts";
import { kubeScript } from "./kubectl.ts";
import { authLock, type K3sTarget } from "./target.ts";

/** The Secret that a service's pods start with. */
export interface RolledAuth {
  readonly secret: string;
}

/**
 * Under the sync's lock, so that what is judged is what a sync left. Ends where there is nothing to roll for. Arguments:
 * lock, namespace, Secret, one word, Deployments.
 */
const prelude = `
kubectl_words=$kubectl lock=$1 namespace=$2 secret=$3 word=$4 kubectl_seconds=20
shift 4
${authTargetFunctions}
mkdir -p "$(dirname "$lock")" && exec 9>>"$lock" || exit 1
flock -w 120 9 || { echo "a sync holds $lock for more than 120 s" >&2; exit 75; }
live=$(auth_answer "$namespace" "secret/$secret" "\${@/#/deployments.apps/}") || exit
pods=$(auth_part ${authAnnotations.pods} Secret "$live")
[[ $pods =~ ^(pending|rolled)\\ [0-9a-f]{64}$ ]] || exit 0
sync=\${pods#* }
`;

const rollScript = `${prelude}
auth_templates "$live" | while read -r name rolled; do
  [ "$rolled" != "$sync" ] || continue
  patch="{\\"spec\\":{\\"template\\":{\\"metadata\\":{\\"annotations\\":{\\"${authAnnotations.rolled}\\":\\"$sync\\"}}}}}"
  auth_kubectl -n "$namespace" patch "deployments.apps/$name" --field-manager=unidesk --type=merge -p "$patch" </dev/null >/dev/null || exit 1
  printf '%s\\n' "$name"
done
`;

/** What was verified is rolled where the templates say so; an undo brings an older template, or leaves what was said. */
const settleScript = `${prelude}
state=\${pods%% *}
[ "$word" != verified ] || state=rolled
! auth_templates "$live" | grep -qv " $sync$" || state=pending
[ "$pods" != "$state $sync" ] || exit 0
auth_kubectl -n "$namespace" annotate --overwrite --field-manager=unidesk "secret/$secret" "${authAnnotations.pods}=$state $sync" >/dev/null
`;

/** Rolls the workloads whose pods may have older data than the Secret; returns their names. */
export async function rollAuth(host: Connection, target: K3sTarget, auth: RolledAuth): Promise<string[]> {
  const output = await run(host, target, auth, "roll pods whose auth changed", rollScript, "roll");
  return output.split("\n").filter(Boolean);
}

/** Lets the Secret say whether the workloads' pods have its data. */
export async function settleAuth(
  host: Connection,
  target: K3sTarget,
  auth: RolledAuth,
  outcome: "verified" | "undone",
): Promise<void> {
  await run(host, target, auth, "note on the Secret which pods have its data", settleScript, outcome);
}

async function run(
  host: Connection,
  target: K3sTarget,
  { secret }: RolledAuth,
  purpose: string,
  script: string,
  word: string,
): Promise<string> {
  const { namespace, workloads } = target;
  const names = workloads.map(({ name }) => name);
  const args = [authLock(host, namespace, secret), namespace, secret, word, ...names];
  return kubeScript(host, target, purpose, script, args, { timeoutSeconds: 300 });
}
