import type { Connection } from "../config/hosts.ts";
import { holderFunctions } from "../deploy-job/holder.ts";
import { lockWaitSeconds } from "../deploy-job/job-spec.ts";
import { UserError } from "../errors.ts";

import { silenceSeconds } from "../ssh/lifeline.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import type { StepContext } from "../steps/specs.ts";
import { serviceLock } from "./target.ts";

/** Ends with the runner: its standard input is a lifeline, so that a killed one holds nothing. */
const script = `
set -u
export LC_ALL=C
lock=$1 run=$2
${holderFunctions}
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
wait_for "$lock" 9 ${lockWaitSeconds} "another rollout" /dev/null/none || exit
holder_line "$run" "$3" "$4" "$5" > "$lock"
say @held
while IFS= read -r -t ${silenceSeconds} _; do :; done 9>&-
: > "$lock"
`;

/** Runs `work` while no other runner rolls out the same service of a namespace; says who is waited for. */
export async function withRolloutLock<T>(
  host: Connection,
  namespace: string,
  artifact: { readonly service: string; readonly commit: string },
  context: Pick<StepContext, "runId" | "operator" | "say">,
  work: () => Promise<T>,
): Promise<T> {
  const { service, commit } = artifact;
  const lock = serviceLock(host, namespace, service);
  const letGo = new AbortController();
  let held: () => void = () => {};
  const taken = new Promise<void>((resolve) => {
    held = resolve;
  });
  const holding = runScript(host, script, [lock, context.runId, service, commit, context.operator], {
    timeoutSeconds: 3000,
    lifeline: letGo.signal,
    onProgress: (line) => (line === "@held" ? held() : context.say(line)),
  });
  const ended = holding.then(({ exitCode, stderr }) => {
    throw new UserError({
      what: `${host.name}: the lock ${lock} could not be had (exit ${exitCode}); nothing was changed`,
      found: lastLines(stderr) || "no output on standard error",
    });
  });
  ended.catch(() => {});
  try {
    await Promise.race([taken, ended]);
    return await work();
  } finally {
    letGo.abort();
    await holding.catch(() => {});
  }
}
