import { Deployment } from "@cdktf/provider-kubernetes/lib/deployment/index.js";
import { Service } from "@cdktf/provider-kubernetes/lib/service/index.js";
import type { TerraformResource, TerraformResourceLifecycle } from "cdktf";
import { Construct } from "constructs";
import type { K3sRuntime, K3sVolume, K3sWorkload } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { renderProblem } from "../lib/errors.ts";
import { selectorProblem, workloadLabels } from "../lib/kubernetes/selector.ts";
import { rolloutDeadlineSeconds } from "../lib/kubernetes/target.ts";
import { authAnnotations, deployLabels, restartedAnnotation } from "../lib/labels.ts";
import { escapeAll } from "./apply-step.ts";
import { artifactOf } from "./artifact-preflight.ts";
import type { KubernetesAccess } from "./kubernetes-access.ts";
import { escapeTemplate } from "./template.ts";

export interface K3sDeploymentProps {
  readonly access: KubernetesAccess;
  readonly pin: Pin<K3sRuntime>;
  readonly workload: K3sWorkload;
  /** Port of the registry on the host's loopback: a part of the image's name. */
  readonly registryPort: number;
  /** Steps and other resources that come first: namespace, image, preflight. @default - none */
  readonly dependsOn?: readonly { readonly resource: TerraformResource }[];
  /** The Deployment was seen in the cluster. @default false - the plan creates what the state lacks */
  readonly importDeployment?: boolean;
  /**
   * The live Deployment selects by this and not by what is declared: the diff stays possible, the apply refuses before
   * anything of this workload changes. @default - it selects as declared, or is not there
   */
  readonly foreignSelector?: string;
  /** An autoscaler sets the live Deployment's replicas: they stay. @default false - they are as declared */
  readonly autoscaled?: boolean;
  /** The Service was seen in the cluster. @default false - the plan creates what the state lacks */
  readonly importService?: boolean;
}

/** Old ReplicaSets that are kept: `rollout undo` needs the last one. */
const revisions = 10;

/** Cannot be changed: a plan that wants to would delete a live Deployment first, with no way back. */
const selector = "spec[0].selector";

/** Of a pod, these the provider cannot change in place (1.13.4): it would delete the Deployment to take them away. */
const unmanaged = ["init_container", "host_aliases", "readiness_gate"].map(
  (field) => `spec[0].template[0].spec[0].${field}`,
);

/** Of the pod template; the rollout writes them. */
const annotation = (name: string) => `spec[0].template[0].metadata[0].annotations["${name}"]`;

/**
 * One workload at the pinned commit: a kubernetes_deployment and a ClusterIP kubernetes_service of its name. A new pin
 * changes the Deployment in place and waits for nothing: the rollout is a step of its own, which can undo it. No change
 * ever replaces the Deployment. Destroy deletes both. The workload's name is the Terraform address and a contract.
 */
export class K3sDeployment extends Construct {
  readonly resource: Deployment;
  readonly service: Service;

  constructor(scope: Construct, id: string, props: K3sDeploymentProps) {
    super(scope, id);
    const { access, pin, workload } = props;
    const { name, port } = workload;
    const { namespace } = pin.consumer.runtime;
    const labels = workloadLabels(name);
    const common = {
      provider: access.provider,
      dependsOn: (props.dependsOn ?? []).map(({ resource }) => resource),
    };
    this.resource = new Deployment(this, "Deployment", {
      ...common,
      metadata: { name, namespace, labels, annotations: deployAnnotations(pin) },
      spec: {
        replicas: String(workload.replicas ?? 1),
        revisionHistoryLimit: revisions,
        selector: { matchLabels: labels },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
        template: {
          metadata: { labels, annotations: deployAnnotations(pin) },
          spec: {
            // Kubernetes' own defaults, written out: the provider's versions have different ones.
            automountServiceAccountToken: true,
            enableServiceLinks: true,
            container: [containerOf(props)],
            ...(workload.volumes ? { volume: workload.volumes.map(volumeOf) } : {}),
          },
        },
      },
      waitForRollout: false,
      lifecycle: {
        ignoreChanges: [
          selector,
          ...unmanaged,
          ...(props.autoscaled ? ["spec[0].replicas"] : []),
          annotation(restartedAnnotation),
          ...(pin.consumer.runtime.authSync ? [annotation(authAnnotations.rolled)] : []),
        ],
        ...refusalOf(props),
      },
      timeouts: { create: "2m", update: "2m", delete: "2m" },
    });
    this.service = new Service(this, "Service", {
      ...common,
      // Beside a Deployment that is left alone it would select none of the pods that answer.
      dependsOn: [...common.dependsOn, ...(props.foreignSelector === undefined ? [] : [this.resource])],
      metadata: { name, namespace, labels },
      spec: {
        type: "ClusterIP",
        selector: labels,
        port: [{ name: "http", port, targetPort: String(port), protocol: "TCP" }],
      },
      timeouts: { create: "2m" },
    });
    this.resource.overrideLogicalId(name);
    this.service.overrideLogicalId(name);
    if (props.importDeployment) access.importExisting(this.resource, `${namespace}/${name}`);
    if (props.importService) access.importExisting(this.service, `${namespace}/${name}`);
  }
}

/** Holds in every plan and in no apply: the whole stack can be planned, and everything else of it applied. */
function refusalOf({
  pin,
  workload,
  foreignSelector,
}: K3sDeploymentProps): Pick<TerraformResourceLifecycle, "precondition"> {
  if (foreignSelector === undefined) return {};
  const problem = selectorProblem(pin.consumer.runtime.namespace, workload.name, foreignSelector);
  const condition = `\${!terraform.applying}`;
  return { precondition: [{ condition, errorMessage: escapeTemplate(renderProblem(problem)) }] };
}

/** The image that a Deployment names: by commit, because containerd has it under that tag. */
export function k3sImage(pin: Pin, registryPort: number): string {
  const { repository, commit } = artifactOf(pin);
  return `127.0.0.1:${registryPort}/${repository}:${commit}`;
}

function deployAnnotations({ service, commit, digest }: Pin): Record<string, string> {
  return {
    [deployLabels.service]: service,
    [deployLabels.commit]: commit,
    [deployLabels.requestedCommit]: commit,
    ...(digest ? { [deployLabels.digest]: digest } : {}),
  };
}

function deployEnvironment({ commit, digest }: Pin, image: string): Record<string, string> {
  return {
    UNIDESK_DEPLOY_COMMIT: commit,
    UNIDESK_DEPLOY_REQUESTED_COMMIT: commit,
    UNIDESK_DEPLOY_IMAGE: image,
    ...(digest ? { UNIDESK_DEPLOY_DIGEST: digest } : {}),
  };
}

function containerOf({ pin, workload, registryPort }: K3sDeploymentProps) {
  const { name, port, env, envFrom, resources, volumes } = workload;
  const { path = "/health", deadlineSeconds = rolloutDeadlineSeconds } = pin.consumer.runtime.health;
  const image = k3sImage(pin, registryPort);
  const httpGet = { path, port: String(port), scheme: "HTTP" };
  const environment = escapeAll({ ...env, ...deployEnvironment(pin, image) });
  return {
    name,
    image,
    // The image was verified before it was brought to containerd; a node that fetches one itself verifies nothing.
    imagePullPolicy: "Never",
    port: [{ name: "http", containerPort: port, protocol: "TCP" }],
    env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
    ...(envFrom
      ? {
          envFrom: envFrom.map(({ kind, name: source }) =>
            kind === "Secret" ? { secretRef: { name: source } } : { configMapRef: { name: source } },
          ),
        }
      : {}),
    resources: {
      requests: resources?.requests ?? { cpu: "10m", memory: "32Mi" },
      limits: resources?.limits ?? { memory: "256Mi" },
    },
    // A slow start is no reason for a restart before the rollout's deadline is over.
    startupProbe: { httpGet, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: deadlineSeconds },
    readinessProbe: { httpGet, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    ...(volumes ? { volumeMount: volumes.map((volume) => ({ name: volume.name, mountPath: volume.mountPath })) } : {}),
  };
}

function volumeOf({ name, source }: K3sVolume) {
  switch (source.kind) {
    case "EmptyDir":
      return { name, emptyDir: {} };
    case "ConfigMap":
      return { name, configMap: { name: source.name } };
    case "Secret":
      return { name, secret: { secretName: source.name } };
    case "PersistentVolumeClaim":
      return { name, persistentVolumeClaim: { claimName: source.name } };
  }
}
