import type { Construct } from "constructs";
import { repositoryName } from "../lib/config/ci-file.ts";
import { isComposePin, type Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { Repair } from "../lib/repair.ts";
import type { RegistrySource } from "../lib/steps/specs.ts";
import type { WantedArtifact } from "../lib/verdicts/artifact.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";

export interface ArtifactPreflightProps {
  readonly runtime: StepRuntime;
  readonly registry: RegistrySource;
  /** Host that the pins are deployed on. */
  readonly target: HostName;
  readonly pins: readonly Pin[];
  /** Repairs of everything that comes after it. */
  readonly repair: Repair;
  /** Has to pass first. @default - none: the stack is not supervised */
  readonly gate?: ApplyStep<"approval-gate">;
}

/** Fails before anything of its stack changes unless every pinned artifact is there and as pinned. */
export class ArtifactPreflight extends ApplyStep<"artifact-preflight"> {
  constructor(scope: Construct, id: string, props: ArtifactPreflightProps) {
    super(scope, id, {
      runtime: props.runtime,
      step: "artifact-preflight",
      spec: {
        registry: props.registry,
        target: props.target,
        pins: props.pins.map((pin) => ({
          ...artifactOf(pin),
          ...(isComposePin(pin) ? { stableImage: pin.consumer.runtime.stableImage } : {}),
        })),
      },
      hosts: [...new Set([props.registry.host, props.target])],
      facts: Object.fromEntries(props.pins.map((pin) => [pin.service, pinLine(pin)])),
      repair: props.repair,
      dependsOn: props.gate ? [props.gate] : [],
    });
  }
}

/** The artifact that a pin names. */
export function artifactOf(pin: Pin): WantedArtifact {
  return {
    service: pin.service,
    repository: repositoryName(pin.service),
    commit: pin.commit,
    ...(pin.digest ? { digest: pin.digest } : {}),
  };
}

/** What the diff of every resource of a pin shows. */
export function pinFacts(pin: Pin): Record<string, string> {
  return { service: pin.service, commit: pin.commit, ...(pin.digest ? { digest: pin.digest } : {}) };
}

function pinLine(pin: Pin): string {
  return pin.digest ? `${pin.commit} ${pin.digest}` : pin.commit;
}
