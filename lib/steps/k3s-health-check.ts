import { UserError } from "../errors.ts";
import { isOnlyEnding, judgeK3s, mayStillCome, stillEnding } from "../verdicts/k3s-live.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import { lookUntil } from "./look-until.ts";
import { observeK3s } from "./observe-k3s.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Asks every pod and the Service until all say the commit or the deadline is over; changes nothing. */
export async function k3sHealthCheck(spec: StepSpecs["k3s-health-check"], context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const { seen: verdict, isOver } = await lookUntil(
    target.health.deadlineSeconds,
    async () => judgeK3s(artifact, target, await observeK3s(artifact, target, context)),
    (found) => found.ok || !mayStillCome(found),
  );
  if (isOver && isOnlyEnding(verdict)) {
    for (const line of stillEnding(verdict)) context.say(line);
  } else if (!verdict.ok) {
    throw new UserError({
      what: renderReasons(artifact.service, verdict.reasons),
      remedy: "deploy the pin again, or pin what should run",
    });
  }
  context.say(`every pod of ${artifact.service} and its Service say ${artifact.commit}`);
}
