import { type Consumer, catalog, isConsumer } from "../catalog/index.ts";
import { targetOf } from "../compose/target.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { environments } from "../config/values.ts";
import { authSyncSpecOf, k3sTargetOf } from "../kubernetes/target.ts";
import type { KnownSubject } from "./host.ts";

/** Everything that a look at a host may be asked about, whatever is pinned: it follows from catalog and site alone. */
export function knownOf(site: Site, host: HostName): KnownSubject {
  const consumers = catalog().flatMap(({ service, consumers }) =>
    environments.flatMap((environment) => {
      const consumer = consumers[environment];
      return isConsumer(consumer) && isPossible(site, consumer) ? [{ service, consumer }] : [];
    }),
  );
  return subjectOf(site, host, consumers);
}

/** Where hosts say nothing of a cluster or a Compose project, nothing can be pinned there. */
function isPossible({ hosts }: Site, { runtime }: Consumer): boolean {
  if (runtime.kind === "k3s") return hosts.d601.kubernetes !== undefined;
  const host = hosts[runtime.host];
  return host.compose !== undefined && (host.compose.envFile !== undefined || "configJson" in host);
}

/** What a look at a host is asked about: those of all that are deployed there. */
export function subjectOf<T extends { readonly service: string; readonly consumer: Consumer }>(
  site: Site,
  host: HostName,
  all: readonly T[],
) {
  const here = all.filter(({ consumer }) => !consumer.planOnly);
  const services = here.flatMap((one) => {
    const { runtime } = one.consumer;
    return runtime.kind === "compose" && runtime.host === host ? [{ ...one, target: targetOf(site, runtime) }] : [];
  });
  const k3s = here.flatMap((one) => {
    const { runtime } = one.consumer;
    return runtime.kind === "k3s" && runtime.host === host ? [{ ...one, target: k3sTargetOf(site, runtime) }] : [];
  });
  const auth = here
    .flatMap(({ consumer: { runtime } }) => (runtime.kind === "k3s" ? (authSyncSpecOf(site, runtime) ?? []) : []))
    .filter((spec) => spec.host === host || spec.source.host === host);
  return { services, k3s, auth, ...(host === "d601" ? { registry: site.registry } : {}) };
}
