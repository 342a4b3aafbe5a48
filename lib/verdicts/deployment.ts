import type { ComposeTarget } from "../compose/target.ts";
import type { ObservedContainer } from "../observe/compose.ts";
import { judgeImageLabels } from "./image-labels.ts";
import { containerName, judgeDeployLabels, judgeLive } from "./live.ts";
import { judgeRuntimeEnv } from "./runtime-env.ts";
import { expectEqual, type Reason, type Verdict, verdictOf } from "./verdict.ts";

export interface WantedDeployment {
  readonly service: string;
  readonly commit: string;
  /** Id that the image has on that host. */
  readonly imageId: string;
}

/** A Compose deployment is done when the container runs that image, was told that commit, and says so itself. */
export function judgeDeployment(
  wanted: WantedDeployment,
  container: ObservedContainer | undefined,
  target: ComposeTarget,
): Verdict {
  const where = containerName(target);
  if (!container) return verdictOf([noContainer(where)]);
  return verdictOf(
    withoutDuplicates([
      expectEqual("container state", "running", container.status, where),
      expectEqual("image id", wanted.imageId, container.imageId, where),
      ...judgeImageLabels(wanted, container.imageLabels, where).reasons,
      judgeRuntimeEnv(wanted, container.deployEnv, where),
      ...judgeDeployLabels(wanted, container, target).reasons,
      ...judgeLive(wanted, container, target).reasons,
    ]),
  );
}

/** The health of some services is made of what was judged already. */
function withoutDuplicates(reasons: readonly (Reason | undefined)[]): (Reason | undefined)[] {
  return reasons.filter((reason, index) => index === reasons.findIndex((other) => other?.what === reason?.what));
}

export function noContainer(where: string): Reason {
  return { what: "container", expected: "there", found: "none", where };
}
