import type { Connection } from "../config/hosts.ts";
import { messageOf, UserError } from "../errors.ts";
import { silenceSeconds } from "../ssh/lifeline.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import type { Interruption } from "../steps/interruption.ts";
import type { StepContext } from "../steps/specs.ts";
import { holderFunctions } from "./holder.ts";
import { lockWaitSeconds } from "./job-spec.ts";

/** Ends with the runner, waiting or not: its standard input is a lifeline, so that a killed one holds nothing. */
const script = `
set -u
export LC_ALL=C
lock=$1 run=$2
${holderFunctions}
mkdir -p "$(dirname "$lock")"
exec 8<&0 </dev/null
{ while IFS= read -r -t ${silenceSeconds} _; do :; done; kill "$$"; } <&8 >/dev/null 2>&1 &
exec 8<&- 9>>"$lock" || exit 1
wait_for "$lock" 9 ${lockWaitSeconds} "$6" /dev/null/none || exit
trap ': > "$lock"; exit 0' TERM
holder_line "$run" "$3" "$4" "$5" > "$lock"
# A call that has printed something is not made again: a lock that was lost is not had a second time unseen.
echo held
say @held
wait
`;

export interface HostLock {
  /** Lock file on the host. */
  readonly path: string;
  /** What others are told of the holder: two words without blanks, such as a service and its commit. */
  readonly holder: readonly [string, string];
  /** What somebody waits for: `another rollout`. */
  readonly what: string;
}

/** The host gives up before. */
const waitingSeconds = 1500;

/**
 * Runs `work` while no other runner holds the same lock of a host; says who is waited for. A signal ends the waiting, and
 * is `work`'s own affair from then on: the lock stays until it has put things in order. A lock that ends before, as with
 * its connection, is said, and aborts what `work` is given: it begins nothing more.
 */
export async function withHostLock<T>(
  host: Connection,
  { path, holder, what }: HostLock,
  context: Pick<StepContext, "runId" | "operator" | "say">,
  interruption: Pick<Interruption, "during">,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const letGo = new AbortController();
  const tooLate = new AbortController();
  const lost = new AbortController();
  let isHeld = false;
  let held: () => void = () => {};
  const taken = new Promise<void>((resolve) => {
    held = resolve;
  });
  const holding = runScript(host, script, [path, context.runId, ...holder, context.operator, what], {
    // For as long as the work takes.
    timeoutSeconds: 0,
    cancel: tooLate.signal,
    lifeline: letGo.signal,
    outlivesInterrupt: true,
    onProgress: (line) => {
      if (line !== "@held") return context.say(line);
      isHeld = true;
      held();
    },
  });
  const ended = holding.then(({ exitCode, stderr }) => {
    throw new UserError({
      what: `${host.name}: the lock ${path} could not be had (exit ${exitCode}); nothing was changed`,
      found: lastLines(stderr) || "no output on standard error",
    });
  });
  ended.catch(() => {});
  const early = holding.then(
    ({ exitCode }) => `exit ${exitCode}`,
    (error) => messageOf(error).split("\n")[0] ?? "",
  );
  void early.then((found) => {
    if (!isHeld || letGo.signal.aborted) return;
    const what = `${host.name}: the lock ${path} ended before the work that it is for`;
    const reason = new UserError({ what, found, remedy: "see what is done and what is not, then run it again" });
    context.say(reason.message);
    lost.abort(reason);
  });
  const patience = setTimeout(() => tooLate.abort(), waitingSeconds * 1000);
  try {
    await interruption.during(Promise.race([taken, ended]));
    clearTimeout(patience);
    return await work(lost.signal);
  } finally {
    clearTimeout(patience);
    letGo.abort();
    await holding.catch(() => {});
  }
}
