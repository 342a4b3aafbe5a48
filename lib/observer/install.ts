import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { requireMoreThanObserving } from "../ssh/observing.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import { observerOptions, observerPath, observerProgram } from "./program.ts";
import type { PublicKey } from "./public-key.ts";
import { observerScripts } from "./scripts.ts";

/** What one host has now. */
export interface ObserverState {
  readonly host: HostName;
  /** `absent`: no key observes here, so nothing was installed. */
  readonly program: "installed" | "updated" | "unchanged" | "absent";
  /** Of the key that was named; null without one. */
  readonly key: "added" | "unchanged" | null;
}

const moreThanObserving = 3;

/**
 * Standard input: the program. Arguments: its path, authorized_keys, the key's line, the key itself; without a key both
 * are empty, and the program is only replaced. The program comes first: a key without it could do nothing.
 */
const installScript = `
set -eu -o pipefail
export LC_ALL=C
${asRootFunction}
program=$1 file=$(readlink -m -- "$2") line=$3 key=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/program"
bash -n "$work/program"
if [ -n "$key" ] && [ -f "$file" ] && grep -F -- "$key" "$file" | grep -qvxF -- "$line"; then
  grep -nF -- "$key" "$file" | grep -vF -- "$line" | cut -c1-60 >&2
  exit ${moreThanObserving}
fi
if [ -z "$key" ] && [ ! -e "$program" ]; then echo absent; exit 0; fi
if cmp -s "$work/program" "$program"; then
  echo unchanged
else
  if [ -e "$program" ]; then echo updated; else echo installed; fi
  as_root mkdir -p "$(dirname "$program")"
  as_root install -o root -g root -m 0755 "$work/program" "$program.new"
  as_root mv -f "$program.new" "$program"
fi
[ -n "$key" ] || exit 0
umask 077
mkdir -p "$(dirname "$file")"
exec 9>>"$file"
flock -w 10 9
if grep -qxF -- "$line" "$file"; then echo unchanged; exit 0; fi
{ cat "$file"; [ -z "$(tail -c 1 "$file")" ] || echo; printf '%s\\n' "$line"; } > "$file.unidesk"
chmod --reference="$file" "$file.unidesk"
mv -f "$file.unidesk" "$file"
echo added
`;

/** The keys first, so that none is left that a missing program would refuse with a riddle. */
const removeScript = `
set -eu -o pipefail
${asRootFunction}
program=$1 file=$(readlink -m -- "$2") options=$3
found=absent
if [ -f "$file" ] && grep -qF -- "$options" "$file"; then
  found=removed
  exec 9>>"$file"
  flock -w 10 9
  { grep -vF -- "$options" "$file" || true; } > "$file.unidesk"
  chmod --reference="$file" "$file.unidesk"
  mv -f "$file.unidesk" "$file"
fi
if [ -e "$program" ]; then found=removed; as_root rm -f "$program"; fi
echo "$found"
`;

/**
 * Puts the program where it belongs, and lets a key run it. Again is unchanged.
 *
 * @param key Without one the program is brought up to date where it is.
 */
export async function installObserver(site: Site, name: HostName, key?: PublicKey): Promise<ObserverState> {
  const host = site.connections[name];
  requireMoreThanObserving(host, "install one");
  const program = observerProgram(observerScripts(site, name));
  const line = key ? `${observerOptions} ${key.type} ${key.blob} unidesk-observer` : "";
  const args = [observerPath, keysFile(host.home), line, key?.blob ?? ""];
  const { exitCode, stdout, stderr } = await runScript(host, installScript, args, { input: program });
  if (exitCode === moreThanObserving) {
    throw new UserError({
      what: `${name}: ${keysFile(host.home)} already lets this key do more; nothing was changed`,
      found: lastLines(stderr, 1),
      allowed: "a key of its own: ssh-keygen -t ed25519 -N '' -f observer",
      remedy: "name another key, or remove that line",
    });
  }
  if (exitCode !== 0) throw failed(name, "install the observer", stderr);
  const [state, added] = stdout.trim().split("\n");
  return { host: name, program: state as ObserverState["program"], key: (added ?? null) as ObserverState["key"] };
}

/** Takes the program and every key that runs it away. */
export async function removeObserver(site: Site, name: HostName): Promise<"removed" | "absent"> {
  const host = site.connections[name];
  requireMoreThanObserving(host, "remove one");
  const args = [observerPath, keysFile(host.home), observerOptions];
  const { exitCode, stdout, stderr } = await runScript(host, removeScript, args);
  if (exitCode !== 0) throw failed(name, "remove the observer", stderr);
  return stdout.trim() === "removed" ? "removed" : "absent";
}

function keysFile(home: string): string {
  return `${home}/.ssh/authorized_keys`;
}

function failed(name: HostName, what: string, stderr: string): UserError {
  const found = lastLines(stderr, 3) || "no output on standard error";
  const problem = { what: `${name}: could not ${what}`, found, remedy: "npx unidesk doctor" };
  return /sudo:/.test(stderr) ? new InfraBlockedError(problem, [`${name}:sudo`]) : new UserError(problem);
}
