import type { TerraformStack } from "cdktf";
import type { IValidation } from "constructs";
import { renderProblem } from "../lib/errors.ts";

type Json = unknown;

const allowedKinds = ["kubernetes_deployment", "kubernetes_service"];
const allowedVolumes = ["name", "config_map", "empty_dir", "persistent_volume_claim", "secret"];

/** Fields that open a pod or Service to its node or to a network; anything but absent, false, 0 or empty is refused. */
const refusedFields: Readonly<Record<string, string>> = {
  host_network: "pods have a network of their own",
  host_pid: "pods see no process of the node",
  host_ipc: "pods share no memory with the node",
  host_port: "a pod is reached through its Service",
  host_ip: "a pod is reached through its Service",
  privileged: "containers have no rights on the node",
  node_port: "a Service has an address inside the cluster only",
  external_ips: "a Service has an address inside the cluster only",
  external_name: "a Service has an address inside the cluster only",
  load_balancer_ip: "a Service has an address inside the cluster only",
  load_balancer_class: "a Service has an address inside the cluster only",
  dynamic: "every block of a resource is written out",
};

/**
 * Refuses at synth what would lead out of the cluster, whoever asked for it: the types of this project cannot say it,
 * an override can. Of a cluster a stack owns Deployments and ClusterIP Services, and nothing else.
 */
export class ClusterBoundary implements IValidation {
  constructor(private readonly stack: TerraformStack) {}

  validate(): string[] {
    return crossings(this.stack.toTerraform().resource);
  }
}

/** Everything that is refused in Terraform's `resource` object, as it is shown to people. */
export function crossings(resources: Json): string[] {
  return entriesOf(resources).flatMap(([kind, byName]) => {
    if (!kind.startsWith("kubernetes_")) return [];
    return entriesOf(byName).flatMap(([name, resource]) => {
      const address = `${kind}.${name}`;
      if (allowedKinds.includes(kind)) return [...typeOf(address, kind, resource), ...fieldsOf(address, "", resource)];
      const what = `${address}: this kind of object is not deployed from here`;
      return [problem(what, kind, allowedKinds.join(", "), "deploy it by another way, or not at all")];
    });
  });
}

function typeOf(address: string, kind: string, resource: Json): string[] {
  if (kind !== "kubernetes_service") return [];
  return items(valueAt(resource, "spec")).flatMap((spec) => {
    const type = valueAt(spec, "type") ?? "ClusterIP";
    if (type === "ClusterIP") return [];
    return [problem(`${address}: spec.type would open the Service to the outside`, text(type), "ClusterIP")];
  });
}

function fieldsOf(address: string, path: string, value: Json): string[] {
  return items(value).flatMap((item) =>
    entriesOf(item).flatMap(([key, child]) => {
      const here = path === "" ? key : `${path}.${key}`;
      const reason = refusedFields[key];
      if (reason && !isNothing(child)) {
        return [problem(`${address}: ${here} is refused: ${reason}`, text(child), `no ${key}`)];
      }
      if (key === "image_pull_policy" && child !== "Never") {
        const what = `${address}: ${here} would let the node fetch an image that nobody verified`;
        return [problem(what, text(child), "Never")];
      }
      // Names of labels and annotations are data.
      if (["labels", "annotations", "match_labels", "selector"].includes(key) && isData(key, child)) return [];
      return [...(key === "volume" ? volumesOf(address, here, child) : []), ...fieldsOf(address, here, child)];
    }),
  );
}

function volumesOf(address: string, path: string, volumes: Json): string[] {
  return items(volumes).flatMap((volume) =>
    entriesOf(volume).flatMap(([key, source]) => {
      if (allowedVolumes.includes(key) || isNothing(source)) return [];
      const what = `${address}: ${path}.${key} is refused: a pod mounts nothing from outside the cluster`;
      return [problem(what, text(source), allowedVolumes.slice(1).join(", "))];
    }),
  );
}

function problem(what: string, found: string, allowed: string, remedy = "remove the override that sets it"): string {
  return renderProblem({ what, found, allowed, remedy });
}

function isNothing(value: Json): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}

/** A Deployment's selector is a block, a Service's the labels themselves. */
function isData(key: string, child: Json): boolean {
  return key !== "selector" || entriesOf(child).every(([, value]) => typeof value === "string");
}

/** A block is one object or a list of them. */
function items(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [value];
}

function entriesOf(value: Json): [string, Json][] {
  return value !== null && typeof value === "object" ? Object.entries(value) : [];
}

function valueAt(value: Json, key: string): Json {
  return entriesOf(value).find(([name]) => name === key)?.[1];
}

function text(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
