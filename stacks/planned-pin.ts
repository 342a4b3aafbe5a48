import type { StepRuntime } from "../constructs/apply-step.ts";
import type { ArtifactPreflight } from "../constructs/artifact-preflight.ts";
import type { Repair } from "../lib/repair.ts";
import type { RegistrySource } from "../lib/steps/specs.ts";
import type { SiteStack } from "./site-stack.ts";

/** What all pins of a stack share. */
export interface PinContext {
  /** For steps that only read. */
  readonly runtime: StepRuntime;
  /** For steps that change something: of a supervised stack they verify the approval once more. */
  readonly changing: StepRuntime;
  readonly registry: RegistrySource;
  readonly preflight: ArtifactPreflight;
}

/** One pin, after the look at its host and before its resources are made. */
export interface PlannedPin {
  /** What its resources need, by their names. */
  readonly byName: Readonly<Record<string, Repair>>;
  add(stack: SiteStack, context: PinContext): void;
}
