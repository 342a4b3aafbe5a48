import { deployKeyPrefix } from "../catalog/index.ts";
import type { ObservedContainer } from "../observe/compose.ts";
import { judgeHealth } from "./health-commit.ts";
import { judgeImageLabels } from "./image-labels.ts";
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
  where: string,
): Verdict {
  if (!container) return verdictOf([noContainer(where)]);
  return verdictOf([
    expectEqual("container state", "running", container.status, where),
    expectEqual("image id", wanted.imageId, container.imageId, where),
    ...judgeImageLabels(wanted, container.imageLabels, where).reasons,
    judgeRuntimeEnv(wanted.service, wanted.commit, container.deployEnv, where),
    ...judgeHealth(wanted.commit, container.health).reasons,
  ]);
}

export function noContainer(where: string): Reason {
  return { what: "container", expected: "there", found: "none", where };
}

/** A Compose file may hand the commit on under the service's own key or under the common one. */
function judgeRuntimeEnv(
  service: string,
  commit: string,
  env: Readonly<Record<string, string>>,
  where: string,
): Reason | undefined {
  const own = `${deployKeyPrefix(service)}REQUESTED_COMMIT`;
  const found = env[own] ?? env.UNIDESK_DEPLOY_REQUESTED_COMMIT;
  return expectEqual(`runtime environment ${own}`, commit, found, where);
}
