import { pinName } from "../config/deploy-file.ts";
import { sizeOf } from "../history/table.ts";
import type { DiskReview, Finding, ServiceReview } from "./report.ts";

const allow = "mend it, or correct the pin: no policy and no setting allows this";

/**
 * What an apply would run into half way is said, and refused, before it begins: also of a service that does not change
 * itself, whose artifact would stop its whole stack. A stack that waits for an approval is not applied.
 */
export function blockedFindings(services: readonly ServiceReview[], disks: readonly DiskReview[] = []): Finding[] {
  const blocked = services
    .filter(({ action, approval }) => action !== "unknown" && approval.state !== "missing")
    .flatMap(({ environment, service, blockers }) =>
      blockers.map((message) => finding(pinName({ environment, service }), message)),
    );
  const waiting = (host: string) =>
    services
      .filter((one) => one.host === host && one.approval.state === "missing")
      .reduce((sum, { transfer }) => sum + (transfer.diskBytes ?? 0), 0);
  const full = disks
    .filter(({ host, neededBytes, freeBytes }) => neededBytes - waiting(host) > freeBytes)
    .map(({ host, path, neededBytes, freeBytes }) =>
      finding(host, `${path} has ${sizeOf(freeBytes)} free, and ${sizeOf(neededBytes)} are needed`),
    );
  return [...blocked, ...full];
}

function finding(subject: string, message: string): Finding {
  return { rule: "blocked", level: "deny", subject, message, allow };
}
