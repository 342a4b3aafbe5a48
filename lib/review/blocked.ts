import { pinName } from "../config/deploy-file.ts";
import type { Finding, ServiceReview } from "./report.ts";

/**
 * What an apply would run into half way is said, and refused, before it begins: also of a service that does not change
 * itself, whose artifact would stop its whole stack. A stack that waits for an approval is not applied.
 */
export function blockedFindings(services: readonly ServiceReview[]): Finding[] {
  return services
    .filter(({ action, approval }) => action !== "unknown" && approval.state !== "missing")
    .flatMap(({ environment, service, blockers }) =>
      blockers.map((message) => ({
        rule: "blocked",
        level: "deny" as const,
        subject: pinName({ environment, service }),
        message,
        allow: "mend it, or correct the pin: no policy and no setting allows this",
      })),
    );
}
