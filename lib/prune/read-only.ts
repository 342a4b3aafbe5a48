import type { Connection } from "../config/hosts.ts";
import { hostPaths } from "../host-paths.ts";
import { registryReadOnlyLabel } from "../labels.ts";
import { composeArguments, composeUp } from "../registry/files.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { shellCommand, shellQuote } from "../ssh/quote.ts";

/** Unit of the prune on the registry's host; its name is the lock against a second one. */
export const pruneUnit = "unidesk-registry-prune.service";

/** Everything in /run: a reboot takes it away. The managed files stay as they are. */
export function overridePaths({ name }: Pick<RegistrySettings, "name">) {
  const folder = `/run/unidesk-prune-${name}`;
  return {
    folder,
    compose: `${folder}/read-only.json`,
    serve: `${folder}/serve`,
    dropIn: `/run/systemd/system/${name}.service.d/50-unidesk-prune.conf`,
  };
}

/**
 * Compose override. Distribution 2.8 wants a map here: with REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED=true it
 * does not start. The label tells whoever looks at the container.
 */
export function readOnlyCompose(): string {
  return `${JSON.stringify({
    services: {
      registry: {
        environment: { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' },
        labels: { [registryReadOnlyLabel]: "prune" },
      },
    },
  })}\n`;
}

/** What the registry's unit runs meanwhile: read-only only as long as the prune lives, whoever restarts the unit. */
export function serveScript(settings: RegistrySettings, host: Pick<Connection, "home">): string {
  const compose = composeArguments(settings, hostPaths(host, settings.name));
  const override = overridePaths(settings).compose;
  return `set -- ${shellCommand(compose)}
case $(systemctl show -p ActiveState --value ${pruneUnit}) in
  active | activating) set -- "$@" -f ${shellQuote(override)} ;;
esac
exec /usr/bin/docker "$@" ${composeUp}
`;
}

export function dropIn(settings: RegistrySettings): string {
  return `# For the length of a prune; ${pruneUnit} takes it away.
# Should even its end be cut off, the registry restarts by itself, and then without the override.
[Service]
RuntimeMaxSec=7200
ExecStart=
ExecStart=/bin/bash ${overridePaths(settings).serve}
`;
}
