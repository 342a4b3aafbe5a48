import { controlledEnvFileFunction } from "../compose/env-file-path.ts";
import { composeFilesFunctions } from "../compose/files.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, messageOf } from "../errors.ts";
import { type Probes, parseProbes, probeEnd, probePrelude } from "../observe/probe.ts";
import { observerPath, observerProgram } from "../observer/program.ts";
import { observerScripts } from "../observer/scripts.ts";
import { scriptId } from "../ssh/observing.ts";
import { shellCommand } from "../ssh/quote.ts";
import { mustRun } from "../ssh/script.ts";
import { check, type DoctorCheck, judgeClock, judgeDisk } from "./checks.ts";

const tools = ["docker", "systemctl", "curl", "flock", "awk", "base64", "sha256sum", "ss"];

/** Looks at one host for everything that an apply will need there. */
export async function examineHost(site: Site, name: HostName): Promise<DoctorCheck[]> {
  const host = site.connections[name];
  const where = name;
  const started = Date.now();
  let probes: Probes;
  try {
    probes = parseProbes(
      await mustRun(host, "examine the host", examineScript(site, name), [], { timeoutSeconds: 30 }),
      name,
    );
  } catch (error) {
    const channel = error instanceof InfraBlockedError ? error.missingChannels.join(", ") : "ssh";
    const [what = "", ...rest] = messageOf(error).split("\n");
    return [check(where, channel, false, what, rest.join(" ").trim() || "see the message")];
  }
  const middle = (started + Date.now()) / 2;
  const text = (probe: string) => probes.optional(probe)?.trim() ?? "";
  const gitChecks = probes.has("git")
    ? [
        check(
          where,
          "git repositories",
          probes.get("git").exitCode === 0,
          text("git") || probes.get("git").text.trim(),
          "at the paths of hosts.d601.git: git clone --mirror URL PATH (a bare clone of another kind: git -C PATH config remote.origin.fetch '+refs/*:refs/*'), and a timer or a hook that runs git -C PATH fetch --prune",
        ),
      ]
    : [];
  const composeChecks = probes.has("compose")
    ? [
        check(
          where,
          "Compose project",
          probes.get("compose").exitCode === 0,
          text("compose") || probes.get("compose").text.trim(),
          "correct compose { root, file } and the env file of this host in cdktf.json",
        ),
      ]
    : [];
  return [
    check(where, "ssh", true, `${host.user}@${host.address}:${host.port}`, ""),
    check(
      where,
      "sudo",
      probes.get("sudo").exitCode === 0,
      text("sudo") || probes.get("sudo").text.trim() || "asks for a password",
      "install sudo and allow it for this user without a password, or log in as root",
    ),
    check(
      where,
      "tools",
      text("tools") === "",
      text("tools") === "" ? tools.join(" ") : `missing: ${text("tools")}`,
      "install them with the distribution's package manager",
    ),
    check(
      where,
      "Docker Engine",
      text("docker") !== "",
      text("docker") || probes.get("docker").text.trim(),
      "systemctl start docker; add the user to the group docker",
    ),
    check(
      where,
      "Docker Compose",
      text("compose-plugin") !== "",
      text("compose-plugin") || "not found",
      "install the Docker Compose plugin",
    ),
    judgeClock(where, Number(text("clock")) - middle / 1000),
    judgeDisk(where, Number(text("disk"))),
    ...gitChecks,
    ...composeChecks,
    ...observerChecks(site, name, text("observer")),
  ];
}

/** Where no key observes there is nothing to bring up to date. */
function observerChecks(site: Site, name: HostName, found: string): DoctorCheck[] {
  if (found === "") return [];
  const same = found === scriptId(observerProgram(observerScripts(site, name)));
  const words = same ? "as this version would write it" : "of another version, so a review with an observing key fails";
  return [check(name, "observer", same, words, "npx unidesk observer install")];
}

export function examineScript(site: Site, name: HostName): string {
  const host = site.hosts[name];
  const git = "git" in host ? Object.values(host.git) : [];
  const { compose } = host;
  const env = [compose?.envFile ?? "", "configJson" in host ? host.configJson : "", compose?.root ?? ""];
  return `${probePrelude}
${controlledEnvFileFunction}
${composeFilesFunctions}
observer() { [ ! -e ${observerPath} ] || sha256sum < ${observerPath} | cut -d' ' -f1; }
missing() { local tool; for tool in "$@"; do command -v "$tool" >/dev/null || printf '%s ' "$tool"; done; }
disk() { df -B1 --output=avail "$(timeout 10 docker info -f '{{.DockerRootDir}}' 2>/dev/null || echo /)" | tail -n 1; }
sudo_works() {
  if [ "$(id -u)" = 0 ]; then echo "not needed: root"; return; fi
  command -v sudo >/dev/null || { echo "not installed" >&2; return 1; }
  sudo -n true 2>/dev/null && echo passwordless
}
bare() { git -c safe.directory="$path" --git-dir="$path" "$@"; }
repositories() {
  local path
  for path in "$@"; do
    # As the scripts ask it: a clone with a work tree has its repository in another folder.
    bare rev-parse --git-dir >/dev/null || { echo "$path is no bare repository" >&2; return 1; }
    # A plain "git clone --bare" fetches no branch ever again.
    bare config --get-regexp '^remote[.].*[.]url$' >/dev/null || continue
    bare config --get-regexp '^remote[.].*[.]fetch$' | grep -qE ':refs/([*]|heads/)' ||
      { echo "a fetch into $path moves none of its branches: no remote.*.fetch ends in :refs/* or :refs/heads/*" >&2; return 1; }
  done
  echo "$# found"
}
compose_files() {
  local file found
  found=$(real_files "$3" <<< "$4")
  while IFS= read -r file; do
    [ -r "$file" ] || { echo "$file cannot be read" >&2; return 1; }
  done <<< "$found"
  file=$(controlled_env_file "$1" "$2" "$3") || return 1
  [ -w "$(dirname "$(readlink -m -- "$file")")" ] || { echo "the folder of the env file $file cannot be written" >&2; return 1; }
  [ -w "$file" ] || { echo "the env file $file cannot be written" >&2; return 1; }
  paste -sd' ' <<< "$found"
}
probe clock date +%s.%N
probe sudo sudo_works
probe tools missing ${shellCommand(tools)}
probe docker timeout 10 docker version -f '{{.Server.Version}}'
probe compose-plugin timeout 10 docker compose version --short
probe disk disk
probe observer observer
${git.length > 0 ? `probe git ${shellCommand(["repositories", ...git])}` : ""}
${compose ? `probe compose ${shellCommand(["compose_files", ...env, compose.file])}` : ""}
${probeEnd}`;
}
