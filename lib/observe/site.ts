import { isK3sPin, type Pin } from "../config/deploy-file.ts";
import { type HostName, hostNames } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, messageOf } from "../errors.ts";
import { foreignSelector, selectorProblem } from "../kubernetes/selector.ts";
import { openMaster } from "../ssh/master.ts";
import type { ObservedService } from "./compose.ts";
import { type HostFacts, observeHost } from "./host.ts";
import type { ObservedDeployment, ObservedK3s } from "./k3s.ts";
import { knownOf, subjectOf } from "./subjects.ts";

/** What a look at all hosts gave. A host that could not be looked at is absent, with a warning. */
export interface SiteFacts {
  readonly hosts: Readonly<Partial<Record<HostName, HostFacts>>>;
  /** One sentence a host that was not observed. */
  readonly warnings: readonly string[];
}

/** What a diff does not change and a reviewer should still know, one sentence each. */
export function adviceOf({ hosts }: SiteFacts, pins: readonly Pin[]): string[] {
  const workloads = pins
    .filter(isK3sPin)
    .flatMap(({ consumer: { runtime } }) =>
      runtime.workloads.map(({ name, volumes = [] }) => [`${runtime.namespace}/${name}`, volumes] as const),
    );
  const declared = new Map(workloads.map(([name, volumes]) => [name, volumes.map((one) => one.name)]));
  return Object.entries(hosts).flatMap(([name, facts]) => [
    ...[...facts.services].flatMap((entry) => composeAdvice(name, ...entry)),
    ...[...facts.k3s].flatMap(([key, seen]) => clusterAdvice(name, key, seen, declared)),
  ]);
}

function composeAdvice(host: string, service: string, { container, recreateWouldChange }: ObservedService): string[] {
  const advice: string[] = [];
  if (recreateWouldChange) {
    advice.push(
      `a recreate would also pull in changed environment or Compose configuration of ${service}; nothing here changes that`,
    );
  }
  if (container?.otherFiles) {
    advice.push(
      `it was made from more Compose files than context.hosts.${host}.compose.file names, so that a recreate is refused: ${container.otherFiles.join(", ")}`,
    );
  }
  return advice.map((line) => `${service} on ${host}: ${line}`);
}

/** Names of the declared volumes of a workload, by `<namespace>/<workload>`. */
type DeclaredVolumes = ReadonlyMap<string, readonly string[]>;

function clusterAdvice(host: string, key: string, { cluster }: ObservedK3s, declared: DeclaredVolumes): string[] {
  const [namespace = "", service = ""] = key.split("/");
  return Object.entries(cluster?.workloads ?? {}).flatMap(([name, { deployment, autoscaled }]) => {
    const advice = [
      selectorAdvice(namespace, name, deployment),
      unmanagedAdvice(namespace, name, deployment),
      volumeAdvice(`${namespace}/${name}`, deployment, declared),
      autoscaled
        ? `a HorizontalPodAutoscaler sets the replicas of Deployment ${namespace}/${name}; an apply leaves them as they are`
        : undefined,
    ];
    return advice.flatMap((line) => (line === undefined ? [] : [`${service} on ${host}: ${line}`]));
  });
}

type SeenDeployment = ObservedDeployment | undefined;

function selectorAdvice(namespace: string, name: string, deployment: SeenDeployment): string | undefined {
  const selector = foreignSelector(name, deployment);
  if (selector === undefined) return undefined;
  const { what, found, allowed, remedy } = selectorProblem(namespace, name, selector);
  return `${what} (found ${found}, declared ${allowed}); ${remedy}`;
}

/** No drift: Terraform's provider would delete the Deployment to take them away, so that no apply does. */
function unmanagedAdvice(namespace: string, name: string, deployment: SeenDeployment): string | undefined {
  const fields = deployment?.unmanaged ?? [];
  if (fields.length === 0) return undefined;
  const patch = fields.map((field) => ({ op: "remove", path: `/spec/template/spec/${field}` }));
  const command = `kubectl -n ${namespace} patch deployment ${name} --type=json -p '${JSON.stringify(patch)}'`;
  return `the pods of Deployment ${namespace}/${name} have ${fields.join(", ")}, which no apply takes away; ${command} on its host does, with new pods`;
}

/** The provider's version 1 leaves them and shows nothing of it; from version 2 on an apply takes them away. */
function volumeAdvice(name: string, deployment: SeenDeployment, declared: DeclaredVolumes): string | undefined {
  const known = declared.get(name);
  const others = known ? (deployment?.volumes ?? []).filter((one) => !known.includes(one)) : [];
  if (others.length === 0) return undefined;
  return `the pods of Deployment ${name} have volumes that nothing here declares: ${others.join(", ")}; declare them in lib/catalog/services.ts, or take them away on its host, because what an apply does with them depends on the version of Terraform's provider`;
}

export const nothingObserved: SiteFacts = { hosts: {}, warnings: [] };

/** Looks at every host that matters, in parallel; opens the hosts' shared connections for the steps. */
export async function observeSite(site: Site, pins: readonly Pin[]): Promise<SiteFacts> {
  const looks = await Promise.all(hostNames.map((name) => observeOne(site, name, pins)));
  return {
    hosts: Object.fromEntries(
      looks.flatMap((look, index) => ("facts" in look ? [[hostNames[index], look.facts]] : [])),
    ),
    warnings: looks.flatMap((look) => ("warning" in look ? [look.warning] : clusterWarnings(look.facts))),
  };
}

/** All services of a cluster share its warning. */
export function clusterWarnings({ k3s, auth }: Pick<HostFacts, "k3s" | "auth">): string[] {
  return [...new Set([...k3s.values(), ...auth.values()].flatMap(({ warning }) => warning ?? []))];
}

/** Looks once more where a cluster was too slow: what is not seen of it is drift that nobody is told of. */
export async function seeingClusters<Facts extends Pick<HostFacts, "k3s">>(look: () => Promise<Facts>): Promise<Facts> {
  const first = await look();
  return [...first.k3s.values()].some(({ tooSlow }) => tooSlow) ? look().catch(() => first) : first;
}

async function observeOne(
  site: Site,
  name: HostName,
  pins: readonly Pin[],
): Promise<{ readonly facts: HostFacts } | { readonly warning: string }> {
  const host = site.connections[name];
  try {
    await openMaster(host);
    const look = () => observeHost(host, subjectOf(site, name, pins), knownOf(site, name));
    return { facts: await seeingClusters(look) };
  } catch (error) {
    const blocked = error instanceof InfraBlockedError ? `infra-blocked (${error.missingChannels.join(", ")}): ` : "";
    return {
      warning: `${blocked}${name} was not observed; its diff compares with Terraform's state only\n${messageOf(error)}`,
    };
  }
}
