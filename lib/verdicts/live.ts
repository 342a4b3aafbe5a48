import type { ComposeTarget } from "../compose/target.ts";
import { deployLabels } from "../labels.ts";
import type { ObservedContainer } from "../observe/compose.ts";
import { judgeGate } from "./gates.ts";
import { judgeAnswer, judgeHealth } from "./health-commit.ts";
import { judgeImageLabels } from "./image-labels.ts";
import { judgeRuntimeEnv } from "./runtime-env.ts";
import { expectEqual, type Reason, type Verdict, verdictOf } from "./verdict.ts";

interface Wanted {
  readonly service: string;
  readonly commit: string;
}

export function containerName(target: ComposeTarget): string {
  return `${target.host} container ${target.container}`;
}

/** Whether a service answers, says the commit, and passes every gate of its own. */
export function judgeLive(wanted: Wanted, container: ObservedContainer, target: ComposeTarget): Verdict {
  const health =
    target.health.commitFrom === "reply"
      ? judgeHealth(wanted.commit, container.health).reasons
      : judgeSynthetic(wanted, container, target);
  // A service that does not answer yet says nothing of its gates either.
  if (judgeAnswer(container.health)) return verdictOf(health);
  const gates = target.gates.flatMap((gate, index) => {
    const reply = container.gates[index];
    return reply ? judgeGate(gate, reply).reasons : [];
  });
  return verdictOf([...health, ...gates]);
}

/** For a service that does not know its commit: it answers, and container and image were made for that commit. */
function judgeSynthetic(wanted: Wanted, container: ObservedContainer, target: ComposeTarget): readonly Reason[] {
  const where = containerName(target);
  return verdictOf([
    judgeAnswer(container.health),
    judgeRuntimeEnv(wanted, container.deployEnv, where),
    ...judgeImageLabels(wanted, container.imageLabels, where).reasons,
  ]).reasons;
}

/** The labels of a container that was deployed with them. */
export function judgeDeployLabels(wanted: Wanted, container: ObservedContainer, target: ComposeTarget): Verdict {
  if (!target.deployLabels) return verdictOf([]);
  const where = containerName(target);
  const label = (key: string, expected: string) =>
    expectEqual(`container label ${key}`, expected, container.labels[key], where);
  return verdictOf([
    label(deployLabels.service, wanted.service),
    label(deployLabels.commit, wanted.commit),
    label(deployLabels.requestedCommit, wanted.commit),
  ]);
}
