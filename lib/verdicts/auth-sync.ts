import type { AuthSyncSpec } from "../kubernetes/target.ts";
import type { ObservedAuthObject, ObservedAuthSource, ObservedAuthTarget } from "../observe/auth.ts";
import type { Drift } from "./drift.ts";

/**
 * Why Secret and ConfigMap are not what a sync would leave. Nothing but HMACs is compared here: whether an object still
 * holds what the sync wrote was told by its host. Either end is undefined where it was not looked at, or gave no answer.
 */
export function authSyncDrift(
  { source: { host }, sync: { secret, configMap } }: Pick<AuthSyncSpec, "source" | "sync">,
  target: ObservedAuthTarget | undefined,
  source: ObservedAuthSource | undefined,
): Drift {
  // Nothing is known: the look warns of it, and no repair follows from that.
  if (!target) return undefined;
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
  // A template may be older than the Secret says: an undo, or whoever wrote it whole.
  const agree = Object.values(target.templates).every((sync) => target.pods === `rolled ${sync}`);
  return agree && target.pods.startsWith("rolled ") ? undefined : "pods run with an older auth";
}

function objectDrift(name: string, keys: readonly string[], found: ObservedAuthObject | undefined): Drift {
  if (!found) return `${name} missing`;
  if (found.source === undefined) return `${name} was written by no sync`;
  if (!found.asWritten) return `${name} edited`;
  const same = [...new Set(keys)].sort().join(" ") === [...found.keys].sort().join(" ");
  return same ? undefined : `${name} has other keys`;
}
