import type { Connection } from "../config/hosts.ts";
import { provenDigest, readDelivered } from "../delivery/delivered.ts";
import { dockerNeed, type Need, requireRoom } from "../delivery/disk-gate.ts";
import { readTargetLayers } from "../delivery/missing-layers.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { isProvenInContainerd, readContainerdImage } from "../kubernetes/containerd.ts";
import { containerdNeed, readContainerdStore } from "../kubernetes/containerd-pull.ts";
import type { Artifact } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { bridgeRestart } from "../registry/patience.ts";
import { judgeArtifact, type WantedArtifact } from "../verdicts/artifact.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { expectEqual, type Reason, renderReasons } from "../verdicts/verdict.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["artifact-preflight"];
type PreflightPin = Spec["pins"][number];
type PinnedArtifact = PreflightPin & { readonly artifact: Artifact };

/**
 * Nothing of a stack changes before every pin's artifact is seen to be there and right, and the target's disk to hold
 * all of them together. Where the registry does not answer, an image that the target already holds is enough: a
 * rollback must not need the registry.
 */
export async function artifactPreflight(spec: Spec, context: StepContext): Promise<void> {
  const registry = context.connection(spec.registry.host);
  const name = `${spec.registry.host} 127.0.0.1:${spec.registry.port}`;
  let reasons: string[];
  let noTarget: unknown;
  try {
    reasons = await withRegistry(registry, spec.registry.port, async (client) => {
      await bridgeRestart(() => client.ping());
      const artifacts = await Promise.all(
        spec.pins.map(async (pin) => ({ ...pin, artifact: await client.artifact(pin.repository, pin.commit) })),
      );
      const wrong = artifacts.flatMap(({ artifact, ...pin }) => {
        const { ok, reasons } = judgeArtifact(pin, artifact, name);
        return ok ? [] : [renderReasons(pin.service, reasons)];
      });
      if (wrong.length > 0) return wrong;
      const needs = await needsOf(artifacts.filter(isThere), context.connection(spec.target)).catch(
        (error: unknown) => {
          noTarget = error;
          throw error;
        },
      );
      await requireRoom("preflight: nothing was changed", spec.target, needs, client);
      return wrong;
    });
  } catch (error) {
    if (!(error instanceof InfraBlockedError) || error === noTarget) throw error;
    context.say(`the registry is not reachable; looking for the images on ${spec.target} instead\n${error.message}`);
    reasons = await collect(spec.pins, (pin) => judgeDelivered(pin, spec, context));
    if (reasons.length > 0) {
      throw new InfraBlockedError(
        {
          what: `preflight: nothing was changed: the registry is needed, because not every image is on ${spec.target}\n${reasons.join("\n")}`,
          found: `${error.problem.what}: ${error.problem.found ?? "no reason given"}`,
          remedy: `restore the way to the registry on ${spec.registry.host}, then apply again`,
        },
        error.missingChannels,
      );
    }
  }
  if (reasons.length > 0) {
    throw new UserError({
      what: `preflight: nothing was changed, because not every artifact is as pinned\n${reasons.join("\n")}`,
      remedy: "npx unidesk artifact publish --service <service> --commit <commit>, or correct the pin",
    });
  }
  context.say(`${spec.pins.length} artifact(s) as pinned`);
}

/** What Docker and containerd of the target lack of the artifacts. */
async function needsOf(artifacts: readonly PinnedArtifact[], target: Connection): Promise<Need[]> {
  const withLayers = artifacts.filter(({ artifact }) => artifact.layers.length > 0);
  const forDocker = withLayers.filter(({ stableImage }) => stableImage !== undefined);
  const forContainerd = withLayers.filter(({ stableImage }) => stableImage === undefined);
  return Promise.all([
    ...(forDocker.length > 0 ? [readTargetLayers(target).then((held) => dockerNeed(held, forDocker))] : []),
    ...(forContainerd.length > 0
      ? [readContainerdStore(target).then((store) => containerdNeed(store, forContainerd))]
      : []),
  ]);
}

function isThere(pin: PreflightPin & { readonly artifact: Artifact | undefined }): pin is PinnedArtifact {
  return pin.artifact !== undefined;
}

async function collect(
  pins: readonly PreflightPin[],
  judge: (pin: PreflightPin) => Promise<readonly Reason[]>,
): Promise<string[]> {
  const all = await Promise.all(pins.map(async (pin) => renderReasons(pin.service, await judge(pin))));
  return all.filter((text) => text !== "");
}

async function judgeDelivered(pin: PreflightPin, spec: Spec, context: StepContext): Promise<readonly Reason[]> {
  if (pin.stableImage === undefined) return judgeInContainerd(pin, spec, context);
  const delivered = await readDelivered(context.connection(spec.target), pin.service, pin.stableImage, pin.commit);
  const where = `${spec.target} image ${pin.stableImage}:${pin.commit}`;
  if (!delivered) return [{ what: "image on the target", expected: "there", found: "none", where }];
  const digest = pin.digest ? expectEqual("delivered digest", pin.digest, provenDigest(delivered), where) : undefined;
  return [...judgeImageLabels(pin, delivered.labels, where).reasons, ...(digest ? [digest] : [])];
}

async function judgeInContainerd(pin: PreflightPin, spec: Spec, context: StepContext): Promise<readonly Reason[]> {
  const image = await readContainerdImage(context.connection(spec.target), spec.registry.port, pin.service, pin.commit);
  if (isProvenInContainerd(pin, image)) return [];
  const where = `${spec.target} containerd ${pin.repository}:${pin.commit}`;
  return [{ what: "image on the target", expected: pin.digest ?? "delivered", found: image?.digest ?? "none", where }];
}

/** The same judgement for one artifact where it has to be there. */
export function requireArtifact(wanted: WantedArtifact, artifact: Artifact | undefined, registry: string): Artifact {
  const verdict = judgeArtifact(wanted, artifact, registry);
  if (artifact && verdict.ok) return artifact;
  throw new UserError({
    what: renderReasons(wanted.service, verdict.reasons),
    remedy: "publish the commit, or correct the pin",
  });
}
