import type { StepContext, StepSpecs } from "./specs.ts";

/** Says who approved; the approval itself was verified before the step began, as for every supervised step. */
export async function approvalGate(spec: StepSpecs["approval-gate"], context: StepContext): Promise<void> {
  const { approval } = context;
  if (!approval) throw new Error("the approval gate was not given what to verify");
  const { service, commit } = spec.artifact;
  context.say(
    `${approval.signer} approved ${service} ${commit} in ${spec.environment}; that ends at ${approval.expires}`,
  );
}
