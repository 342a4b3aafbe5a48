import { createHash } from "node:crypto";
import { type HostPaths, hostPaths } from "../host-paths.ts";
import { registryConfigLabel } from "../labels.ts";
import { overridePaths } from "../prune/read-only.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { shellCommand, shellQuote } from "../ssh/quote.ts";
import { containerPort, type ManagedFile, registryFiles } from "./files.ts";
import type { RegistrySettings } from "./settings.ts";

/** POSIX shell function: newer_file CONTAINER FILE...: whether one of them was written after the container started. */
export const newerFileFunction = `
newer_file() {
  started=$(timeout 10 docker inspect --type container -f '{{.State.StartedAt}}' "$1" 2>/dev/null) || return 2
  started=$(date -d "$started" +%s.%N) || return 2
  shift
  # One of the future was written while the clock was wrong; no restart would ever be later.
  written=$(stat -c %.9Y "$@" 2>/dev/null | LC_ALL=C sort -n | awk -v now="$(date +%s.%N)" '$1 <= now' | tail -n 1)
  [ "$(printf '%s\\n' "$written" "$started" | LC_ALL=C sort -n | tail -n 1)" != "$started" ]
}
`;

/** Hash of what runs as root on d601 besides the steps, the same wherever somebody's home is. */
export function registryScriptsHash(settings: RegistrySettings): string {
  const host = { home: "/home" };
  const paths = hostPaths(host);
  const files = registryFiles(settings, host);
  const scripts = [
    ...files.map((file) => installFileScript(file, "stage", paths)),
    startServiceScript(settings, files, paths.registry.storage),
    stopServiceScript(settings),
  ];
  return createHash("sha256").update(JSON.stringify(scripts)).digest("hex");
}

/**
 * Puts a staged file in its place: hash compared, installed beside, renamed. A file that is already as
 * declared is not written, so its time keeps saying when it last changed.
 */
export function installFileScript(file: ManagedFile, stage: string, paths: HostPaths): string {
  return `${asRootFunction}
stage=${shellQuote(stage)}
target=${shellQuote(file.path)}
found=$(sha256sum < "$stage" | cut -d' ' -f1)
if [ "$found" != ${file.sha256} ]; then
  echo "the upload of $target is damaged: expected ${file.sha256}, found $found" >&2
  exit 1
fi
mkdir -p ${shellCommand([paths.registry.folder, paths.registry.storage])}
if [ ! -L "$target" ] && as_root cmp -s "$stage" "$target" && [ "$(stat -c %a "$target")" = ${file.mode.slice(1)} ]; then
  rm -f "$stage"
  echo "$target is as declared"
  exit 0
fi
if [ -d "$target" ]; then as_root rmdir "$target"; fi
as_root install -m ${file.mode} -o root -g root "$stage" "$target.new"
as_root mv -fT "$target.new" "$target"
rm -f "$stage"
echo "wrote $target"
`;
}

/**
 * Enables the unit and restarts it only where what runs is older than its files, or is not what they
 * declare. What somebody added to the unit is set aside, where systemd does not read it. Waits for the API, which
 * answers about a second after systemd says "active".
 */
export function startServiceScript(settings: RegistrySettings, files: readonly ManagedFile[], storage: string): string {
  const config = files.find(({ name }) => name === "config");
  const unit = shellQuote(`${settings.name}.service`);
  const name = shellQuote(settings.name);
  return `${asRootFunction}
${newerFileFunction}
stale=$(systemctl show -p NeedDaemonReload --value ${unit})
as_root systemctl daemon-reload
for drop_in in $(systemctl show -p DropInPaths --value ${unit}); do
  case $drop_in in
    ${shellQuote(overridePaths(settings).dropIn)}) ;;
    */${settings.name}.service.d/*) as_root mv -f "$drop_in" "$drop_in.set-aside"; stale=yes; echo "set aside: $drop_in" ;;
  esac
done
as_root systemctl daemon-reload
as_root systemctl enable --quiet ${unit}
answers() { [ "$(curl -s --noproxy '*' -o /dev/null --max-time 2 -w '%{http_code}' http://${settings.address}:${settings.port}/v2/)" = 200 ]; }
storage=${shellQuote(storage)}
lost=
[ -d "$storage" ] || { mkdir -p "$storage"; lost=1; echo "made the storage folder $storage anew: it was gone"; }
if newer_file ${shellCommand([settings.name, ...files.map(({ path }) => path)])}; then stale=yes; fi
runs=$(docker inspect --type container -f '{{.State.Status}} {{.Config.Image}} {{index .Config.Labels "${registryConfigLabel}"}}' ${name} 2>/dev/null || true)
ports=$(docker port ${name} 2>/dev/null || true)
if [ -z "$lost" ] && [ "$stale" != yes ] && systemctl is-active --quiet ${unit} && { answers || { sleep 2 && answers; }; } &&
  [ "$ports" = ${shellQuote(`${containerPort}/tcp -> ${settings.address}:${settings.port}`)} ] &&
  [ "$runs" = ${shellQuote(`running ${settings.image} ${config?.sha256}`)} ]; then
  echo "the registry runs as declared"
else
  as_root systemctl restart ${unit}
  echo "restarted the registry"
fi
for try in $(seq 1 120); do
  if answers; then
    echo "the registry answers"
    exit 0
  fi
  sleep 0.5
done
echo "the registry did not answer on ${settings.address}:${settings.port} within 60 s" >&2
as_root journalctl -a -u ${unit} -n 10 --no-pager >&2 || true
exit 1
`;
}

/** Stops the registry and keeps it stopped; its files and its storage stay. */
export function stopServiceScript(settings: RegistrySettings): string {
  const unit = shellQuote(`${settings.name}.service`);
  return `${asRootFunction}
if systemctl cat ${unit} >/dev/null 2>&1; then as_root systemctl disable --quiet --now ${unit}; fi
`;
}
