import { targetOf } from "../compose/target.ts";
import { isComposePin, isK3sPin, type Pin } from "../config/deploy-file.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, messageOf } from "../errors.ts";
import { authSyncSpecOf, k3sTargetOf } from "../kubernetes/target.ts";
import { openMaster } from "../ssh/master.ts";
import { type HostFacts, observeHost } from "./host.ts";

/** What a look at all hosts gave. A host that could not be looked at is absent, with a warning. */
export interface SiteFacts {
  readonly hosts: Readonly<Partial<Record<HostName, HostFacts>>>;
  /** One sentence a host that was not observed. */
  readonly warnings: readonly string[];
}

/** What a diff does not change and a reviewer should still know, one sentence each. */
export function adviceOf({ hosts }: SiteFacts): string[] {
  return Object.entries(hosts).flatMap(([name, facts]) =>
    [...facts.services]
      .filter(([, { recreateWouldChange }]) => recreateWouldChange)
      .map(
        ([service]) =>
          `${service} on ${name}: a recreate would also pull in changed environment or Compose configuration of ${service}; nothing here changes that`,
      ),
  );
}

export const nothingObserved: SiteFacts = { hosts: {}, warnings: [] };

/** Looks at every host that matters, in parallel; opens the hosts' shared connections for the steps. */
export async function observeSite(site: Site, pins: readonly Pin[]): Promise<SiteFacts> {
  const names: HostName[] = ["d601", "main-server"];
  const looks = await Promise.all(names.map((name) => observeOne(site, name, pins)));
  return {
    hosts: Object.fromEntries(looks.flatMap((look, index) => ("facts" in look ? [[names[index], look.facts]] : []))),
    warnings: looks.flatMap((look) => ("warning" in look ? [look.warning] : clusterWarnings(look.facts))),
  };
}

/** All services of a cluster share its warning. */
function clusterWarnings({ k3s }: HostFacts): string[] {
  return [...new Set([...k3s.values()].flatMap(({ warning }) => warning ?? []))];
}

async function observeOne(
  site: Site,
  name: HostName,
  pins: readonly Pin[],
): Promise<{ readonly facts: HostFacts } | { readonly warning: string }> {
  const host = site.connections[name];
  const here = pins.filter(({ consumer }) => !consumer.planOnly);
  const onHost = here.filter(({ consumer }) => consumer.runtime.host === name);
  const services = onHost
    .filter(isComposePin)
    .map((pin) => ({ service: pin.service, target: targetOf(site, pin.consumer.runtime), commit: pin.commit }));
  const k3s = onHost
    .filter(isK3sPin)
    .map((pin) => ({ service: pin.service, target: k3sTargetOf(site, pin.consumer.runtime), commit: pin.commit }));
  const auth = here
    .filter(isK3sPin)
    .flatMap((pin) => authSyncSpecOf(site, pin.consumer.runtime) ?? [])
    .filter((spec) => spec.host === name || spec.source.host === name);
  const registry = name === "d601" ? { registry: site.registry } : {};
  try {
    await openMaster(host);
    return { facts: await observeHost(host, { services, k3s, auth, ...registry }) };
  } catch (error) {
    const blocked = error instanceof InfraBlockedError ? `infra-blocked (${error.missingChannels.join(", ")}): ` : "";
    return {
      warning: `${blocked}${name} was not observed; its diff compares with Terraform's state only\n${messageOf(error)}`,
    };
  }
}
