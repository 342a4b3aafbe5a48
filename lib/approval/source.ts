import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { deployKeysOf } from "./keys.ts";
import type { ApprovalRequest, ApprovalSource, StepApproval } from "./request.ts";

/** What this site judges an approval with. */
export function approvalSource(site: Site): ApprovalSource {
  return { folder: site.approvals, approvers: site.approvers, deployKeys: deployKeysOf(site.connections) };
}

/** What the steps of a supervised pin have to see approved. */
export function stepApproval(site: Site, pin: Pick<Pin, "service" | "environment" | "commit">): StepApproval {
  const request: ApprovalRequest = {
    target: site.target,
    service: pin.service,
    environment: pin.environment,
    commit: pin.commit,
  };
  return { request, source: approvalSource(site) };
}
