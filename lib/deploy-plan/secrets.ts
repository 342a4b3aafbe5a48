import type { ComposeRuntime } from "../catalog/index.ts";
import type { Site } from "../config/site.ts";
import type { PlanFacts } from "./facts.ts";
import type { RuntimeSecrets } from "./schema.ts";

/** Presence and length of what a service needs, never a value; null for one that needs nothing. */
export function runtimeSecretsOf(
  site: Site,
  service: string,
  { host, secrets: keys }: ComposeRuntime,
  facts: PlanFacts,
): RuntimeSecrets | null {
  if (!keys || keys.length === 0) return null;
  const secretSource = `controlled env file on ${host}: ${envFileOf(site, host)}`;
  const lengths = facts.secrets.get(service);
  if (!lengths) {
    const recommendedAction = facts.secrets.has(service)
      ? `make the controlled env file on ${host} readable, then plan again`
      : `plan again where ${host} can be reached`;
    return { secretSource, requiredSecretsPresent: null, missingSecretKeys: null, secrets: null, recommendedAction };
  }
  const secrets = keys.map((key) => ({ key, present: (lengths[key] ?? 0) > 0, length: lengths[key] ?? 0 }));
  const missing = secrets.filter(({ present }) => !present).map(({ key }) => key);
  return {
    secretSource,
    requiredSecretsPresent: missing.length === 0,
    missingSecretKeys: missing,
    secrets,
    recommendedAction:
      missing.length === 0
        ? "none"
        : `add ${missing.join(", ")} to the controlled env file on ${host}; an apply is refused until then`,
  };
}

function envFileOf(site: Site, host: ComposeRuntime["host"]): string {
  const known = site.hosts[host];
  const named =
    "configJson" in known ? `providerGateway.upgrade.composeEnvFile of ${known.configJson}` : "not configured";
  return known.compose?.envFile ?? named;
}
