import { catalog, isConsumer } from "../catalog/index.ts";
import { repositoryName } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import { hostNames } from "../config/hosts.ts";
import { loadPins, type Site } from "../config/site.ts";
import { type Commit, environments } from "../config/values.ts";
import { InfraBlockedError } from "../errors.ts";
import { k3sTargetOf } from "../kubernetes/target.ts";
import { k3sKey } from "../observe/k3s.ts";
import { observeSite } from "../observe/site.ts";
import type { Use } from "./decide.ts";

const commitPattern = /(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])/g;
const digestPattern = /sha256:[0-9a-f]{64}/g;

/** Every commit and digest that a text names, as uses; commits of any repository where none is given. */
export function usesInText(text: string, reason: string, repository?: string): Use[] {
  const commits = new Set(text.match(commitPattern));
  const digests = new Set(text.match(digestPattern));
  return [
    ...[...commits].map((commit) => ({ ...(repository ? { repository } : {}), commit, reason })),
    ...[...digests].map((digest) => ({ digest, reason })),
  ];
}

/** No commit is looked for at a consumer without a pin. */
const none = "0".repeat(40) as Commit;

/** What every consumer of the catalog runs now, pinned or not. A part that cannot be looked at blocks. */
export async function liveUses(site: Site): Promise<Use[]> {
  const subjects = subjectsOf(site, loadPins(site));
  const { hosts, warnings } = await observeSite(site, subjects);
  if (warnings.length > 0) {
    const missing = hostNames.filter((name) => !hosts[name]).map((name) => `${name}:ssh`);
    throw new InfraBlockedError(
      {
        what: "what runs could not be seen everywhere, so nothing is pruned: unknown is not unused",
        found: warnings.join("\n"),
        remedy: "npx unidesk doctor",
      },
      missing.length > 0 ? missing : ["d601:kubernetes"],
    );
  }
  return subjects.flatMap(({ service, environment, consumer: { runtime } }) => {
    const facts = hosts[runtime.host];
    const place = { service, environment, host: runtime.host };
    const used = (text: unknown, where: string) =>
      usesInText(JSON.stringify(text) ?? "", `live ${where}`, repositoryName(service)).map((use) => ({
        ...use,
        place,
      }));
    if (runtime.kind === "k3s") {
      const target = k3sTargetOf(site, runtime);
      return used(facts?.k3s.get(k3sKey({ service, target }))?.cluster, `in ${target.namespace}`);
    }
    const observed = facts?.services.get(service);
    return used([observed?.container, observed?.envKeys], `on ${runtime.host}`);
  });
}

/** A consumer each; one that this site has no place for runs nowhere. */
function subjectsOf({ hosts }: Site, pins: readonly Pin[]): Pin[] {
  return catalog().flatMap(({ service, consumers }) =>
    environments.flatMap((environment): Pin[] => {
      const consumer = consumers[environment];
      if (!isConsumer(consumer) || consumer.planOnly) return [];
      const pin = pins.find((candidate) => candidate.service === service && candidate.environment === environment);
      if (pin) return [pin];
      const { kind, host } = consumer.runtime;
      const place = kind === "k3s" ? hosts.d601.kubernetes : hosts[host].compose;
      return place ? [{ service, environment, commit: none, consumer }] : [];
    }),
  );
}
