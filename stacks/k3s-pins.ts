import type { Mended, StepRuntime } from "../constructs/apply-step.ts";
import { hashOfRest } from "../constructs/apply-step.ts";
import { pinFacts } from "../constructs/artifact-preflight.ts";
import { AuthSync, authSyncFacts } from "../constructs/auth-sync.ts";
import { ContainerdImage } from "../constructs/containerd-image.ts";
import { K3sHealthCheck } from "../constructs/k3s-checks.ts";
import { K3sDeployment } from "../constructs/k3s-deployment.ts";
import { K3sNamespace, namespaceFacts } from "../constructs/k3s-namespace.ts";
import { K3sRollout, rolloutFacts } from "../constructs/k3s-rollout.ts";
import { KubernetesAccess } from "../constructs/kubernetes-access.ts";
import { namespaceId } from "../lib/addresses.ts";
import type { K3sRuntime } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Site } from "../lib/config/site.ts";
import { foreignSelector } from "../lib/kubernetes/selector.ts";
import { authSyncSpecOf, clusterAccessOf, clusterOf, type K3sTarget, k3sTargetOf } from "../lib/kubernetes/target.ts";
import { authKey } from "../lib/observe/auth.ts";
import { k3sKey, type ObservedWorkload } from "../lib/observe/k3s.ts";
import type { SiteFacts } from "../lib/observe/site.ts";
import { type Repairs, repairOfAll } from "../lib/repairs.ts";
import { authSyncDrift } from "../lib/verdicts/auth-sync.ts";
import { containerdDrift, namespaceDrift, rolloutDrift } from "../lib/verdicts/k3s-drift.ts";
import { mended, type PinContext, type PlannedPin, pinSpec, wantedBy } from "./planned-pin.ts";
import type { SiteStack } from "./site-stack.ts";

/** What the cluster was seen to need for one pin of a service on k3s, and its resources. */
export function planK3sPin(pin: Pin<K3sRuntime>, site: Site, repairs: Repairs, observed: SiteFacts): PlannedPin {
  const { service } = pin;
  const { runtime } = pin.consumer;
  const target = k3sTargetOf(site, runtime);
  const { namespaced, imaged, rolled } = plan(pin, target, repairs);
  const authSpec = authSyncSpecOf(site, runtime);
  const synced = authSpec && planAuth(service, authSpec, repairs, observed);
  const looked = observed.hosts[target.host]?.k3s.get(k3sKey({ service, target }))?.cluster;
  const live = looked?.workloads ?? {};
  const seen = looked && Object.fromEntries(runtime.workloads.map(({ name }) => [name, generationOf(live[name])]));
  const byName = {
    [namespaceId(target.namespace)]: namespaced.repair,
    [`${service}-containerd-image`]: imaged.repair,
    ...(synced ? { [`${service}-auth-sync`]: synced.repair } : {}),
    [`${service}-rollout`]: rolled.repair,
  };
  const add = (stack: SiteStack, context: PinContext) => {
    const { changing, registry, preflight } = context;
    const access = accessOf(stack, site, changing);
    const namespace = namespaceOf(stack, site, context, target.namespace, namespaced);
    const image = new ContainerdImage(stack, `${service}-containerd-image`, {
      runtime: changing,
      registry,
      pin,
      preflight,
      ...imaged,
    });
    const auth =
      authSpec &&
      synced &&
      new AuthSync(stack, `${service}-auth-sync`, { runtime: changing, spec: authSpec, namespace, ...synced });
    const objects = runtime.workloads.map((workload) => {
      const { deployment, autoscaled, service: liveService } = live[workload.name] ?? {};
      const found = foreignSelector(workload.name, deployment);
      return new K3sDeployment(stack, workload.name, {
        access,
        pin,
        workload,
        registryPort: registry.port,
        dependsOn: [preflight, namespace, image, ...(auth ? [auth] : [])],
        importDeployment: deployment !== undefined,
        importService: liveService !== undefined,
        ...(autoscaled ? { autoscaled } : {}),
        ...(found === undefined ? {} : { foreignSelector: found }),
      });
    });
    const rollout = new K3sRollout(stack, `${service}-rollout`, {
      runtime: changing,
      pin,
      target,
      image,
      ...(seen ? { seen } : {}),
      ...(authSpec ? { auth: { secret: authSpec.sync.secret.name } } : {}),
      objects: [...(auth ? [auth] : []), ...objects.flatMap((one) => [one, { resource: one.service }])],
      ...rolled,
    });
    const settled = repairOfAll(byName).ignore === "triggers";
    new K3sHealthCheck(stack, `${service}-health-commit`, { runtime: context.runtime, pin, target, rollout, settled });
  };
  return { byName, add };
}

/** Where no pod was wanted a failure goes back to none, as where no Deployment was. */
function generationOf(workload: ObservedWorkload | undefined): number | null {
  const { generation, replicas } = workload?.deployment ?? {};
  return replicas ? (generation ?? null) : null;
}

/** One Kubernetes provider a stack; also of a stack that only has objects to forget. */
export function accessOf(stack: SiteStack, site: Site, runtime: StepRuntime): KubernetesAccess {
  const found = stack.node.tryFindChild("kubernetes");
  if (found) return found as KubernetesAccess;
  return new KubernetesAccess(stack, "kubernetes", { runtime, ...clusterAccessOf(site) });
}

/** One step a stack and namespace. */
function namespaceOf(
  stack: SiteStack,
  site: Site,
  { changing, preflight }: PinContext,
  namespace: string,
  ensured: Mended,
): K3sNamespace {
  const id = namespaceId(namespace);
  const found = stack.node.tryFindChild(id);
  if (found) return found as K3sNamespace;
  return new K3sNamespace(stack, id, { runtime: changing, cluster: clusterOf(site), namespace, preflight, ...ensured });
}

function plan(pin: Pin<K3sRuntime>, target: K3sTarget, repairs: Repairs) {
  const { service } = pin;
  const { host, namespace } = target;
  const key = k3sKey({ service, target });
  const spec = pinSpec(pin, target);
  return {
    namespaced: mended(repairs, {
      name: namespaceId(namespace),
      host,
      spec: namespace,
      facts: namespaceFacts(target, namespace),
      drift: (name, { k3s }) => {
        const seen = k3s.get(key);
        return seen && namespaceDrift(name, seen);
      },
    }),
    imaged: mended(repairs, {
      name: `${service}-containerd-image`,
      host,
      spec,
      facts: pinFacts(pin),
      drift: (line, { k3s }) => {
        const seen = k3s.get(key);
        return seen && containerdDrift(wantedBy(service, line), seen);
      },
    }),
    rolled: mended(repairs, {
      name: `${service}-rollout`,
      host,
      // Of a changed catalog entry nothing is settled, whatever a look compares of it.
      spec: pinSpec(pin, { target, workloads: pin.consumer.runtime.workloads }),
      facts: rolloutFacts(pin, target),
      drift: (line, { k3s }) => {
        const seen = k3s.get(key);
        return seen && rolloutDrift(wantedBy(service, line), target, seen);
      },
    }),
  };
}

function planAuth(
  service: string,
  spec: NonNullable<ReturnType<typeof authSyncSpecOf>>,
  repairs: Repairs,
  observed: SiteFacts,
): Mended {
  const source = observed.hosts[spec.source.host]?.auth.get(authKey(spec))?.source;
  return mended(repairs, {
    name: `${service}-auth-sync`,
    host: spec.host,
    spec: hashOfRest(spec),
    facts: authSyncFacts(spec),
    drift: (_, { auth }) => {
      const seen = auth.get(authKey(spec));
      return seen && authSyncDrift(spec, seen.target, source);
    },
  });
}
