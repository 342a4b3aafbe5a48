import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError } from "../errors.ts";
import { observeRegistry } from "../observe/host.ts";
import {
  judgeRegistry,
  type RegistryCheck,
  type RegistryDecision,
  type RegistryScope,
  registryScopes,
} from "../verdicts/registry-health.ts";
import { registryFiles } from "./files.ts";
import type { RegistrySettings } from "./settings.ts";

/** JSON of `registry status` and `registry health`; the fields are a contract. */
export interface RegistryReport {
  /** status: the look succeeded. health: the registry is as declared. */
  readonly ok: boolean;
  readonly installed: boolean;
  readonly decision: RegistryDecision | "infra-blocked";
  /** Whether waiting may help without anybody acting. */
  readonly retryable: boolean;
  readonly healthyScopes: readonly RegistryScope[];
  readonly failedScopes: readonly RegistryScope[];
  readonly runtimeApiHealthy: boolean;
  readonly missingChannels: readonly string[];
  readonly checks: Readonly<Partial<Record<RegistryScope, RegistryCheck>>>;
  /** What the decision means and what it does not. */
  readonly message: string;
}

const messages: Readonly<Record<RegistryDecision, string>> = {
  healthy: "the registry is as declared, on loopback only",
  "not-installed": "there is no registry on this host; npx cdktf deploy d601-registry installs it",
  "service-degraded":
    "the registry API answers, but its service is not as declared; this judges the registry only, not the host, SSH, k3sctl-adapter, scheduler or business services",
  unhealthy: "the registry does not serve as declared; npx cdktf diff d601-registry shows what an apply would repair",
};

const readOnlyMessage = "; it is read-only while a prune collects garbage: pulls work, pushes wait";

/** Looks at the registry and judges it. `question` decides what `ok` means. */
export async function reportRegistry(
  host: Connection,
  settings: RegistrySettings,
  question: "status" | "health",
): Promise<RegistryReport> {
  try {
    const observed = await observeRegistry(host, settings);
    const verdict = judgeRegistry(observed, settings, registryFiles(settings, host), host.name);
    return {
      ok: question === "status" || verdict.decision === "healthy",
      installed: verdict.installed,
      decision: verdict.decision,
      retryable: verdict.decision === "unhealthy",
      healthyScopes: registryScopes.filter((scope) => verdict.checks[scope].ok),
      failedScopes: registryScopes.filter((scope) => !verdict.checks[scope].ok),
      runtimeApiHealthy: verdict.runtimeApiHealthy,
      missingChannels: [],
      checks: verdict.checks,
      message: `${messages[verdict.decision]}${observed.container?.readOnly ? readOnlyMessage : ""}`,
    };
  } catch (error) {
    if (!(error instanceof InfraBlockedError)) throw error;
    return {
      ok: false,
      installed: false,
      decision: "infra-blocked",
      retryable: true,
      healthyScopes: [],
      failedScopes: [],
      runtimeApiHealthy: false,
      missingChannels: error.missingChannels,
      checks: {},
      message: error.message,
    };
  }
}
