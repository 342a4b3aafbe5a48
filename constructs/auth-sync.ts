import type { Construct } from "constructs";
import type { AuthSyncSpec } from "../lib/kubernetes/target.ts";
import { ApplyStep, type Mended, type StepRuntime } from "./apply-step.ts";
import type { K3sNamespace } from "./k3s-namespace.ts";

export interface AuthSyncProps extends Mended {
  readonly runtime: StepRuntime;
  readonly spec: AuthSyncSpec;
  readonly namespace: K3sNamespace;
}

/**
 * Hands fields of main-server's `config.json` `.auth` to a Secret and a ConfigMap before the rollout, which rolls the pods
 * where something changed. Destroy deletes neither. No value is in plan or state.
 */
export class AuthSync extends ApplyStep<"auth-sync"> {
  constructor(scope: Construct, id: string, { runtime, spec, namespace, repair, receipt }: AuthSyncProps) {
    super(scope, id, {
      runtime,
      step: "auth-sync",
      spec,
      // The same host twice would be one too many; the one that is changed comes last.
      hosts: spec.source.host === spec.host ? [spec.host] : [spec.source.host, spec.host],
      facts: authSyncFacts(spec),
      repair,
      receipt,
      dependsOn: [namespace],
    });
  }
}

/** Names alone: which field becomes which key of what. */
export function authSyncFacts({ host, source, namespace, sync }: AuthSyncSpec): Record<string, string> {
  const keys = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields)
      .map(([field, key]) => `${field} as ${key}`)
      .join(", ");
  return {
    source: `${source.host} ${source.configJson} .auth`,
    secret: `${host}/${namespace}/${sync.secret.name}: ${keys(sync.secret.keys)}`,
    config_map: `${host}/${namespace}/${sync.configMap.name}: ${keys(sync.configMap.keys)}`,
  };
}
