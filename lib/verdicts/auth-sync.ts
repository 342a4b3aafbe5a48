import type { AuthSyncSpec } from "../kubernetes/target.ts";
import type { ObservedAuthObject, ObservedAuthSource, ObservedAuthTarget } from "../observe/auth.ts";
import type { Drift } from "./drift.ts";

/**
 * Why Secret and ConfigMap are not what a sync would leave. Nothing but HMACs is compared here: whether an object still
 * holds what the sync wrote was told by its host. `source` is undefined where that host was not looked at.
 */
export function authSyncDrift(
  { source: { host }, sync: { secret, configMap } }: Pick<AuthSyncSpec, "source" | "sync">,
  target: ObservedAuthTarget | undefined,
  source: ObservedAuthSource | undefined,
): Drift {
  if (!target) return "the cluster gives no answer about Secrets";
  const objects = [
    { name: `Secret ${secret.name}`, keys: secret.keys, found: target.secret },
    { name: `ConfigMap ${configMap.name}`, keys: configMap.keys, found: target.configMap },
  ];
  for (const { name, keys, found } of objects) {
    const drift = objectDrift(name, Object.values(keys), found);
    if (drift) return drift;
  }
  if (source?.problem) return `auth of ${host}: ${source.problem}`;
  // An object that no sync finished says another source than the other one, or none.
  if (source && objects.some(({ found }) => found?.source !== source.hmac)) return `auth of ${host} changed`;
  if (target.secret?.source !== target.configMap?.source) return `ConfigMap ${configMap.name} is of another sync`;
  return target.podsRolled ? undefined : "pods run with an older auth";
}

function objectDrift(name: string, keys: readonly string[], found: ObservedAuthObject | undefined): Drift {
  if (!found) return `${name} missing`;
  if (found.source === undefined) return `${name} was written by no sync`;
  if (!found.asWritten) return `${name} edited`;
  const same = [...new Set(keys)].sort().join(" ") === [...found.keys].sort().join(" ");
  return same ? undefined : `${name} has other keys`;
}
