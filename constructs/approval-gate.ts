import type { Construct } from "constructs";
import type { StepApproval } from "../lib/approval/request.ts";
import type { Supervised } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Repair } from "../lib/repair.ts";
import { ApplyStep, hashOfRest, type StepRuntime } from "./apply-step.ts";
import { pinFacts } from "./artifact-preflight.ts";

export interface ApprovalGateProps {
  readonly runtime: StepRuntime;
  readonly pin: Pin;
  readonly supervised: Supervised;
  /** What has to be approved, and by whom it can be. */
  readonly approval: StepApproval;
  /** Repairs of everything that comes after it. */
  readonly repair: Repair;
}

/**
 * Fails before anything of its stack changes unless a person approved this commit. Reads only. Whether an
 * approval is there is no trigger: the diff is the same before and after it is given.
 */
export class ApprovalGate extends ApplyStep<"approval-gate"> {
  /** For the steps behind the gate that change something. */
  readonly runtime: StepRuntime;

  constructor(scope: Construct, id: string, props: ApprovalGateProps) {
    const { pin, supervised, repair } = props;
    const runtime = withApproval(props.runtime, props.approval);
    super(scope, id, {
      runtime,
      step: "approval-gate",
      spec: { artifact: { service: pin.service, commit: pin.commit }, environment: pin.environment },
      hosts: [],
      facts: {
        ...pinFacts(pin),
        // A changed catalog entry changes objects of Terraform's own providers, which verify no approval themselves.
        declared: hashOfRest(pin.consumer.runtime),
        requires: "approval",
        affectedRuntime: supervised.affectedRuntime,
        excludedTargets: supervised.excludedTargets.join(", "),
      },
      repair,
    });
    this.runtime = runtime;
  }
}

/** A runtime whose steps verify the approval again before they run; for every step that changes something. */
export function withApproval(runtime: StepRuntime, approval: StepApproval): StepRuntime {
  return { ...runtime, approval };
}
