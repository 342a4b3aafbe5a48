import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostsFile, labExec, labStatus, startHost, stopHost, up } from "../../lab/index.ts";
import { clusterOf } from "../../lib/config/cluster.ts";
import { loadSite } from "../../lib/config/site.ts";
import { checkout, LabSite, lines, registryPaths, registryStack, registryStatus, until } from "../lab-support.ts";

const namespace = "lab-kubernetes-test";
const image = "127.0.0.1:5000/lab-kubernetes-test/hello:1";
const socket = "/run/k3s/containerd/containerd.sock";
const proxy = `/api/v1/namespaces/${namespace}`;

const server = `import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from " + self.path.encode())
http.server.HTTPServer(("", 8080), Handler).serve_forever()
`;

const manifests = {
  apiVersion: "v1",
  kind: "List",
  items: [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "hello", namespace },
      spec: {
        selector: { matchLabels: { app: "hello" } },
        template: {
          metadata: { labels: { app: "hello" } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: "hello",
                image,
                imagePullPolicy: "Never",
                readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hello", namespace },
      spec: { selector: { app: "hello" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
  ],
};

const kubectl = (...args: string[]) => labExec("d601", ["k3s", "kubectl", ...args]);
const podName = () =>
  kubectl("-n", namespace, "get", "pods", "-l", "app=hello", "-o", "jsonpath={.items[*].metadata.name}");

const site = new LabSite();

beforeAll(async () => {
  await site.open();
  if ((await registryStatus()) !== "200") await site.deploy(registryStack, { state: "restore" });
});

afterAll(async () => {
  // After a reboot its controllers come back long after the API.
  const words = ["k3s", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s"];
  await labExec("d601", words, { timeoutMs: 150_000 });
  // containerd keeps a second name, the image's id, for Kubernetes.
  const id = 'id=$(docker image inspect -f "{{.Id}}" "$1" 2>/dev/null) || exit 0';
  const remove = 'ctr -a "$2" -n k8s.io images rm "$1" "$id"; docker image rm "$1"; rm -rf "$3"';
  const repository = `${registryPaths.storage}/docker/registry/v2/repositories/${namespace}`;
  await labExec("d601", ["bash", "-cu", `${id}; ${remove}`, "clean", image, socket, repository]);
  await site.close();
});

test("the node is Ready, and the API says a version that clients can compare", async () => {
  const { hosts } = await labStatus();
  expect(hosts.find(({ host }) => host === "d601")).toMatchObject({ up: true, cluster: "Ready" });
  expect(JSON.parse(await kubectl("get", "--raw", "/version"))).toMatchObject({ major: "1", minor: "34" });
});

test("the kubeconfig is root's, as k3s writes it, and its authority is the one that the hosts file pins", async () => {
  expect(await labExec("d601", "stat -c '%U %a' /etc/rancher/k3s/k3s.yaml")).toBe("root 600");
  const view = JSON.parse(await kubectl("config", "view", "--raw", "-o", "json"));
  expect(view).toMatchObject({
    "current-context": "default",
    clusters: [{ name: "default", cluster: { server: "https://127.0.0.1:6443" } }],
    users: [{ name: "default", user: { "client-certificate-data": expect.any(String) } }],
  });
  const { hosts } = loadSite(checkout, { UNIDESK_HOSTS: hostsFile });
  const pinned = clusterOf(hosts, checkout)?.caCertificate ?? "";
  const live = Buffer.from(view.clusters[0].cluster["certificate-authority-data"], "base64");
  expect(new X509Certificate(live).fingerprint256).toBe(new X509Certificate(pinned).fingerprint256);
});

test("nothing of the cluster listens beyond the loopback but the kubelet, as with k3s", async () => {
  const listeners = lines(
    await labExec("d601", `ss -Hltnp | grep -E 'k3s|etcd|containerd' | awk '{ print $4 }' | sort -u`),
  );
  const open = listeners.filter((address) => !/^(127\.0\.0\.1|\[::1\]):/.test(address));
  expect(open).toEqual(["*:10250"]);
});

test("a pod of an image from d601's registry answers through the API server", async () => {
  const dockerfile = 'FROM unidesk-lab/python:3.13\nCOPY server.py /\nCMD ["python3", "/server.py"]\n';
  await labExec("d601", [
    "bash",
    "-ceu",
    'folder=$(mktemp -d); cd "$folder"; printf %s "$2" > server.py; printf %s "$3" > Dockerfile; docker build -qt "$1" .; docker push -q "$1"; rm -r "$folder"',
    ...["push", image, server, dockerfile],
  ]);
  await labExec("d601", ["ctr", "-a", socket, "-n", "k8s.io", "images", "pull", "--plain-http", image]);
  await labExec("d601", "k3s kubectl apply -f -", { input: JSON.stringify(manifests) });
  await labExec("d601", `k3s kubectl -n ${namespace} rollout status deployment/hello --timeout=150s`, {
    timeoutMs: 170_000,
  });

  expect(await kubectl("get", "--raw", `${proxy}/services/hello:http/proxy/health`)).toBe("hello from /health");
  expect(await kubectl("get", "--raw", `${proxy}/pods/${await podName()}:8080/proxy/health`)).toBe(
    "hello from /health",
  );
});

test("a stopped k3s leaves its pods running, and `lab up` starts it again", async () => {
  await labExec("d601", "systemctl stop k3s");
  expect(await labExec("d601", "pgrep -fc '^python3 /server.py$'")).toBe("1");
  const status = await labStatus();
  expect(status.up).toBe(false);
  expect(status.hosts.find(({ host }) => host === "d601")).toMatchObject({
    cluster: expect.stringMatching(/^k3s.*\.service is inactive$/),
    stale: ["cluster"],
  });

  await up();
  expect(await kubectl("get", "--raw", `${proxy}/services/hello:http/proxy/health`)).toBe("hello from /health");
});

test("the cluster and its pods are back after a reboot of the host, which does not wait for them", async () => {
  const pod = await podName();
  const started = Date.now();
  await stopHost("d601");
  expect(Date.now() - started, "milliseconds to go down").toBeLessThan(60_000);
  await startHost("d601");
  const health = () => kubectl("get", "--raw", `${proxy}/services/hello:http/proxy/health`);
  await until("the pod answers again", 120_000, async () => (await health()) === "hello from /health");
  expect(await podName()).toBe(pod);
});
