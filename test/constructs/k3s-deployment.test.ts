import { TerraformStack, Testing } from "cdktf";
import { expect, test } from "vitest";
import { K3sDeployment, type K3sDeploymentProps } from "../../constructs/k3s-deployment.ts";
import { KubernetesAccess } from "../../constructs/kubernetes-access.ts";
import type { K3sWorkload } from "../../lib/catalog/index.ts";
import { k3sPin } from "../kubernetes/pins.ts";
import { commitA, digestA, siteOf, sshHost } from "../support.ts";
import { appOf, runtimeOf } from "../synth.ts";

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const connection = sshHost({ proxyCommand: "gate $" + "{host} %{x}" });
const spec = { connection, apiPort: 6443, localPort: 24_001, caCertificate: pem };
const image = `127.0.0.1:5000/unidesk/frontend:${commitA}`;

interface Options {
  readonly workload?: Partial<K3sWorkload>;
  readonly props?: Partial<K3sDeploymentProps>;
  readonly service?: string;
  readonly digest?: string;
  /** Escape hatches that somebody uses. */
  readonly change?: (stack: TerraformStack, deployment: K3sDeployment) => void;
}

function stackOf({ workload, props, service = "frontend", digest, change }: Options = {}) {
  const site = siteOf();
  const stack = new TerraformStack(appOf(site), "stack");
  const access = new KubernetesAccess(stack, "kubernetes", { runtime: runtimeOf(site), ...spec });
  const pin = k3sPin(service, commitA, {}, digest);
  const [declared] = pin.consumer.runtime.workloads;
  if (!declared) throw new Error("no workload");
  const deployment = new K3sDeployment(stack, declared.name, {
    access,
    pin,
    workload: { ...declared, ...workload },
    registryPort: 5000,
    ...props,
  });
  change?.(stack, deployment);
  return JSON.parse(Testing.synth(stack, true));
}

const refusalOf = (change: NonNullable<Options["change"]>) => () => stackOf({ change });

test("the provider gets the runner's port, the pinned authority and our command, and nothing of the user's", () => {
  const { provider, terraform } = stackOf();
  const [{ exec, ...rest }] = provider.kubernetes;
  expect(rest).toEqual({
    host: "https://127.0.0.1:24001",
    cluster_ca_certificate: pem,
    config_path: "/dev/null",
    config_context: "",
    config_context_auth_info: "",
    config_context_cluster: "",
    insecure: false,
    username: "",
    password: "",
    client_certificate: "",
    client_key: "",
    token: "",
  });
  const escaped = { ...spec, connection: { ...connection, proxyCommand: "gate $$" + "{host} %%{x}" } };
  expect(exec).toEqual([
    {
      api_version: "client.authentication.k8s.io/v1beta1",
      command: "node",
      args: ["/checkout/.unidesk/steps/steps.mjs", "kubernetes-credential", "5".repeat(64), JSON.stringify(escaped)],
    },
  ]);
  expect(terraform.required_providers.kubernetes.version).toBe(">= 1.13.4, < 4.0.0");
});

test("the command of a supervised stack is told what has to be approved, and whether this is an apply", () => {
  const site = siteOf();
  const request = { target: "$" + "{x}", service: "frontend", environment: "dev" as const, commit: commitA };
  const approval = { request, source: { folder: "/approvals", approvers: [], deployKeys: [] } };
  const stack = new TerraformStack(appOf(site), "stack");
  new KubernetesAccess(stack, "kubernetes", { runtime: { ...runtimeOf(site), approval }, ...spec });
  const [{ exec }] = JSON.parse(Testing.synth(stack)).provider.kubernetes;
  const [{ args }] = exec;
  expect(args).toHaveLength(6);
  expect(args[4]).toBe(JSON.stringify({ ...approval, request: { ...request, target: "$$" + "{x}" } }));
  expect(args[5]).toBe("$" + "{terraform.applying}");
});

test("the Deployment has its contract address, the pinned image, and waits for nothing", () => {
  const { resource } = stackOf({ digest: digestA });
  const deployment = resource.kubernetes_deployment["frontend-dev"];
  const annotations = {
    "dev.unidesk.deploy.service": "frontend",
    "dev.unidesk.deploy.commit": commitA,
    "dev.unidesk.deploy.requested-commit": commitA,
    "dev.unidesk.deploy.digest": digestA,
  };
  const labels = { app: "frontend-dev" };
  expect(deployment).toMatchObject({
    metadata: { name: "frontend-dev", namespace: "unidesk-dev", labels, annotations },
    wait_for_rollout: false,
    timeouts: { create: "2m", update: "2m", delete: "2m" },
  });
  expect(deployment.spec).toMatchObject({
    replicas: "1",
    revision_history_limit: 10,
    selector: { match_labels: labels },
    template: { metadata: { labels, annotations } },
  });
  const httpGet = { path: "/health", port: "8080", scheme: "HTTP" };
  expect(deployment.spec.template.spec).toEqual({
    automount_service_account_token: true,
    enable_service_links: true,
    container: [
      {
        name: "frontend-dev",
        image,
        image_pull_policy: "Never",
        port: [{ name: "http", container_port: 8080, protocol: "TCP" }],
        env: [
          { name: "UNIDESK_DEPLOY_COMMIT", value: commitA },
          { name: "UNIDESK_DEPLOY_REQUESTED_COMMIT", value: commitA },
          { name: "UNIDESK_DEPLOY_IMAGE", value: image },
          { name: "UNIDESK_DEPLOY_DIGEST", value: digestA },
        ],
        env_from: [{ config_map_ref: { name: "frontend-dev-auth" } }, { secret_ref: { name: "frontend-dev-auth" } }],
        resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "256Mi" } },
        startup_probe: { http_get: httpGet, period_seconds: 1, timeout_seconds: 2, failure_threshold: 120 },
        readiness_probe: { http_get: httpGet, period_seconds: 5, timeout_seconds: 2, failure_threshold: 2 },
        liveness_probe: { http_get: httpGet, period_seconds: 10, timeout_seconds: 5, failure_threshold: 6 },
      },
    ],
  });
});

test("without a digest in the pin none is claimed", () => {
  expect(JSON.stringify(stackOf())).not.toMatch(/UNIDESK_DEPLOY_DIGEST|dev\.unidesk\.deploy\.digest/);
});

test("the Service is a ClusterIP in front of the workload's port", () => {
  expect(stackOf().resource.kubernetes_service["frontend-dev"]).toMatchObject({
    metadata: { name: "frontend-dev", namespace: "unidesk-dev" },
    spec: {
      type: "ClusterIP",
      selector: { app: "frontend-dev" },
      port: [{ name: "http", port: 8080, target_port: "8080", protocol: "TCP" }],
    },
  });
});

test("a workload's own environment, resources, replicas and volumes are taken over; its texts are no templates", () => {
  const { resource } = stackOf({
    workload: {
      replicas: 2,
      env: { MODE: "$" + "{x}", UNIDESK_DEPLOY_COMMIT: "not the pin's" },
      resources: { limits: { cpu: "1" } },
      volumes: [
        { name: "a", mountPath: "/a", source: { kind: "EmptyDir" } },
        { name: "b", mountPath: "/b", source: { kind: "ConfigMap", name: "settings" } },
        { name: "c", mountPath: "/c", source: { kind: "Secret", name: "keys" } },
        { name: "d", mountPath: "/d", source: { kind: "PersistentVolumeClaim", name: "data" } },
      ],
    },
  });
  const { spec: found } = resource.kubernetes_deployment["frontend-dev"];
  expect(found.replicas).toBe("2");
  const [container] = found.template.spec.container;
  expect(container.env.slice(0, 2)).toEqual([
    { name: "MODE", value: "$$" + "{x}" },
    { name: "UNIDESK_DEPLOY_COMMIT", value: commitA },
  ]);
  expect(container.resources).toEqual({ requests: { cpu: "10m", memory: "32Mi" }, limits: { cpu: "1" } });
  expect(container.volume_mount.map((mount: { mount_path: string }) => mount.mount_path)).toEqual([
    "/a",
    "/b",
    "/c",
    "/d",
  ]);
  expect(found.template.spec.volume).toEqual([
    { name: "a", empty_dir: {} },
    { name: "b", config_map: { name: "settings" } },
    { name: "c", secret: { secret_name: "keys" } },
    { name: "d", persistent_volume_claim: { claim_name: "data" } },
  ]);
});

test("it is imported only where it was seen", () => {
  expect(stackOf()).not.toHaveProperty("import");
  expect(stackOf({ props: { importDeployment: true } }).import).toEqual([
    expect.objectContaining({ id: "unidesk-dev/frontend-dev", to: "kubernetes_deployment.frontend-dev" }),
  ]);
  expect(stackOf({ props: { importService: true } }).import).toEqual([
    expect.objectContaining({ id: "unidesk-dev/frontend-dev", to: "kubernetes_service.frontend-dev" }),
  ]);
});

interface Lifecycle {
  readonly ignore_changes?: string[];
  readonly precondition?: { condition: string; error_message: string }[];
}
function lifecycleOf(options: Options): Lifecycle {
  const [deployment] = Object.values<{ lifecycle?: Lifecycle }>(stackOf(options).resource.kubernetes_deployment);
  return deployment?.lifecycle ?? {};
}

test("only a service with a sync of `.auth` leaves the mark of that sync to its rollout", () => {
  const ignored = (service: string) => lifecycleOf({ service }).ignore_changes;
  const always = [
    "spec[0].selector",
    // The provider would delete the Deployment to take these away.
    "spec[0].template[0].spec[0].init_container",
    "spec[0].template[0].spec[0].host_aliases",
    "spec[0].template[0].spec[0].readiness_gate",
    // Else any other change would replace the pods of a restart once more.
    'spec[0].template[0].metadata[0].annotations["dev.unidesk.restarted"]',
  ];
  expect(ignored("frontend")).toEqual([
    ...always,
    'spec[0].template[0].metadata[0].annotations["dev.unidesk.auth-hmac"]',
  ]);
  expect(ignored("mdtodo")).toEqual(always);
  expect(lifecycleOf({ props: { autoscaled: true } }).ignore_changes).toContain("spec[0].replicas");
});

test("a live Deployment of another selector is never replaced: the apply refuses, with both", () => {
  const foreign = lifecycleOf({ props: { foreignSelector: "app=other, tier=$" + "{x}" } });
  expect(foreign.ignore_changes).toContain("spec[0].selector");
  expect(foreign.precondition).toEqual([
    {
      // So that the rest of the stack can be planned.
      condition: "$" + "{!terraform.applying}",
      error_message: [
        "Deployment unidesk-dev/frontend-dev was left alone: it selects its pods by other labels, and a selector cannot be changed",
        "  found:   app=other, tier=$$" + "{x}",
        "  allowed: app=frontend-dev",
        "  remedy:  kubectl -n unidesk-dev delete deployment frontend-dev --cascade=orphan on its host takes it away and leaves its pods running; then apply again, and delete those pods when the new ones answer; from that apply on pods without the declared labels are sent nothing, so there may be a gap until the new ones answer",
      ].join("\n"),
    },
  ]);
  expect(lifecycleOf({})).not.toHaveProperty("precondition");
});

test("beside a Deployment that is left alone its Service is too", () => {
  const dependsOn = (props?: Options["props"]) =>
    stackOf(props ? { props } : {}).resource.kubernetes_service["frontend-dev"].depends_on;
  expect(dependsOn({ foreignSelector: "app=other" })).toEqual(["kubernetes_deployment.frontend-dev"]);
  expect(dependsOn()).toEqual([]);
});

const podSpec = "spec.template.spec";
test.each<[name: string, path: string, value: unknown, text: string]>([
  ["hostNetwork", `${podSpec}.host_network`, true, `${podSpec}.host_network is refused`],
  ["hostPID", `${podSpec}.host_pid`, true, `${podSpec}.host_pid is refused`],
  ["hostIPC", `${podSpec}.host_ipc`, true, `${podSpec}.host_ipc is refused`],
  ["an expression", `${podSpec}.host_network`, "$" + "{var.x}", `${podSpec}.host_network is refused`],
  ["hostPort", `${podSpec}.container.0.port.0.host_port`, 8080, `${podSpec}.container.port.host_port is refused`],
  ["hostIP", `${podSpec}.container.0.port.0.host_ip`, "192.0.2.1", `${podSpec}.container.port.host_ip is refused`],
  [
    "hostPath",
    `${podSpec}.volume`,
    [{ name: "x", host_path: { path: "/" } }],
    `${podSpec}.volume.host_path is refused`,
  ],
  ["NFS", `${podSpec}.volume`, [{ name: "x", nfs: { server: "x", path: "/" } }], `${podSpec}.volume.nfs is refused`],
  [
    "privileged",
    `${podSpec}.container.0.security_context`,
    { privileged: true },
    `${podSpec}.container.security_context.privileged is refused`,
  ],
  [
    "a pull by the node",
    `${podSpec}.container.0.image_pull_policy`,
    "IfNotPresent",
    `${podSpec}.container.image_pull_policy would let the node fetch`,
  ],
  ["a dynamic block", "dynamic", { spec: {} }, "dynamic is refused"],
])("fails if an override gives a pod: %s", (_name, path, value, text) => {
  const change: Options["change"] = (_stack, { resource }) => resource.addOverride(path, value);
  expect(refusalOf(change)).toThrow(`kubernetes_deployment.frontend-dev: ${text}`);
});

test.each<[name: string, path: string, value: unknown, text: string]>([
  [
    "NodePort",
    "spec.type",
    "NodePort",
    "spec.type would open the Service to the outside\n  found:   NodePort\n  allowed: ClusterIP",
  ],
  ["LoadBalancer", "spec.type", "LoadBalancer", "spec.type would open the Service to the outside"],
  ["ExternalName", "spec.type", "ExternalName", "spec.type would open the Service to the outside"],
  ["nodePort", "spec.port.0.node_port", 30_000, "spec.port.node_port is refused"],
  ["externalIPs", "spec.external_ips", ["192.0.2.1"], "spec.external_ips is refused"],
  ["externalName", "spec.external_name", "example.org", "spec.external_name is refused"],
  ["loadBalancerIP", "spec.load_balancer_ip", "192.0.2.1", "spec.load_balancer_ip is refused"],
])("fails if an override gives a Service: %s", (_name, path, value, text) => {
  const change: Options["change"] = (_stack, { service }) => service.addOverride(path, value);
  expect(refusalOf(change)).toThrow(`kubernetes_service.frontend-dev: ${text}`);
});

test.each([
  "kubernetes_ingress",
  "kubernetes_ingress_v1",
  "kubernetes_manifest",
  "kubernetes_pod",
  "kubernetes_service_v1",
])("fails if a stack has a %s", (kind) => {
  const change: Options["change"] = (stack) => stack.addOverride(`resource.${kind}.x`, { metadata: {} });
  expect(refusalOf(change)).toThrow(`${kind}.x: this kind of object is not deployed from here`);
});

test("labels and annotations of any name are data", () => {
  const change: Options["change"] = (_stack, { resource, service }) => {
    resource.addOverride("metadata.annotations", { host_port: "1", type: "NodePort" });
    resource.addOverride("spec.template.metadata.labels", { host_port: "1" });
    service.addOverride("spec.selector", { host_network: "1" });
  };
  expect(refusalOf(change)).not.toThrow();
});
