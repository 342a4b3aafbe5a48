import { hashOfRest, type Mended, type StepRuntime } from "../constructs/apply-step.ts";
import type { ArtifactPreflight } from "../constructs/artifact-preflight.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Repair } from "../lib/repair.ts";
import type { Managed, Repairs } from "../lib/repairs.ts";
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

/** The spec line of a pin's resources: the commit is its first word, the digest its second. */
export function pinSpec(pin: Pin, target: object): string {
  return `${pin.commit} ${pin.digest ?? "-"} ${hashOfRest({ target })}`;
}

/** What a spec line says: the declared one, or the one of a receipt. */
export function wantedBy(service: string, line: string) {
  const [commit = "", digest = "-"] = line.split(" ");
  return { service, commit, ...(digest === "-" ? {} : { digest }) };
}

/** What one resource was seen to need, and the receipt that it leaves. */
export function mended(repairs: Repairs, managed: Managed): Mended {
  return { receipt: { key: repairs.key(managed.name), spec: managed.spec }, repair: repairs.decide(managed) };
}
