import type { K3sRuntime } from "../catalog/index.ts";
import { Commit } from "../config/values.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { clusterImage, clusterOf, serviceLock } from "../kubernetes/target.ts";
import { runScript } from "../ssh/run.ts";
import { mustRun } from "../ssh/script.ts";
import { runIdOf } from "../steps/run-id.ts";
import { k3sLookScript, k3sRetireScript } from "./k3s-scripts.ts";
import {
  approvalFor,
  historyLine,
  noCommit,
  type Retired,
  type RetireRequest,
  receiptsOf,
  refusal,
} from "./request.ts";

/** What is there of a service on the cluster. */
export interface LiveObjects {
  readonly deployments: readonly { readonly name: string; readonly images: readonly string[] }[];
  readonly services: readonly string[];
}

/** The Deployments and Services of one service, by name; namespace, Secrets, ConfigMaps and images stay. */
export async function retireK3s(request: RetireRequest<K3sRuntime>): Promise<Retired | undefined> {
  const { site, service, consumer } = request;
  const { namespace, workloads } = consumer.runtime;
  const { kubectl, host: hostName } = clusterOf(site);
  const host = site.connections[hostName];
  const names = workloads.map(({ name }) => name);
  const seen = await mustRun(host, `look at ${service} in ${namespace}`, k3sLookScript, [kubectl, namespace, ...names]);
  const { deployments, services } = parseObjects(seen);
  const live = deployments.map(({ name, images }) =>
    commitOf({ service, registryPort: site.registry.port }, `${hostName} ${namespace}/${name}`, images),
  );
  const commits = [...new Set(live)];
  const there = seen.trim() !== "";
  const approvals =
    consumer.supervised && there
      ? await Promise.all(
          (commits.length > 0 ? commits : [undefined]).map((commit) =>
            approvalFor(request, commit, `${names.join(", ")} in ${namespace} on ${hostName}`, "no commit tag"),
          ),
        )
      : [];
  const [approval] = approvals;
  const [commit] = commits;
  const line = historyLine(request, {
    commit: commit ?? noCommit,
    ...(commits.length > 1 ? { reason: `ran at ${commits.map((one) => one ?? "no known commit").join(", ")}` } : {}),
    ...(approval ? { approval } : {}),
  });
  const { exitCode, stderr } = await runScript(
    host,
    k3sRetireScript,
    [
      runIdOf(),
      line.operator,
      service,
      line.commit,
      kubectl,
      namespace,
      serviceLock(host, namespace, service),
      `${hostPaths(host).history}/${service}.jsonl`,
      JSON.stringify(line).slice(0, -1),
      seen.trimEnd(),
      String(names.length),
      ...names,
      ...receiptsOf(request, host, ["containerd-image", "auth-sync", "rollout"]),
    ],
    { timeoutSeconds: 500, onProgress: request.say },
  );
  if (exitCode !== 0) throw refusal(host.name, service, exitCode, stderr);
  if (!there) return undefined;
  return {
    namespace,
    deployments: deployments.map(({ name }) => name),
    services,
    commit,
    ...(approval ? { signer: approval.signer } : {}),
  };
}

/** Lines as the look prints them. */
export function parseObjects(text: string): LiveObjects {
  const words = text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "));
  return {
    deployments: words
      .filter(([kind]) => kind === "Deployment")
      .map(([, name = "", , ...images]) => ({ name, images: images.filter(Boolean) })),
    services: words.filter(([kind]) => kind === "Service").map(([, name = ""]) => name),
  };
}

/** The commit tag of its image. A Deployment of that name that runs something else is somebody else's. */
export function commitOf(
  { service, registryPort }: { readonly service: string; readonly registryPort: number },
  place: string,
  images: readonly string[],
): Commit | undefined {
  const repository = clusterImage(registryPort, service, "").slice(0, -1);
  const [image = "no container", ...others] = images;
  if (others.length === 0 && (image.startsWith(`${repository}:`) || image.startsWith(`${repository}@`))) {
    return Commit.safeParse(image.slice(repository.length + 1)).data;
  }
  throw new UserError({
    what: `${place} is there, but is not the service ${service}; it was left alone`,
    found: images.join(", ") || image,
    allowed: `one container of ${repository}`,
    remedy: "look whose it is",
  });
}
