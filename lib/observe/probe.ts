import { UserError } from "../errors.ts";

/**
 * How a host is looked at: a bash script of probes, each of which prints one line
 * `<name> <exit code> <base64>`; standard output where the command succeeded, else standard error.
 * Binary-safe, one round trip, and a probe that fails does not hide the others.
 */
export const probePrelude = String.raw`
set -u
export LC_ALL=C
probe_err=$(mktemp) || exit 1
trap 'rm -f "$probe_err"' EXIT
probe() {
  local name=$1 out code
  shift
  out=$("$@" 2>"$probe_err" | head -c 4194304 | base64 -w0; exit "$PIPESTATUS")
  code=$?
  if [ "$code" -ne 0 ] && [ -s "$probe_err" ]; then out=$(head -c 4096 "$probe_err" | base64 -w0); fi
  [ -n "$out" ] || out=-
  printf '%s %s %s\n' "$name" "$code" "$out"
}
`;

export const probeEnd = "\necho end\n";

export interface Probe {
  readonly exitCode: number;
  /** Standard output, or standard error where the command failed. */
  readonly text: string;
}

/** Reads what the probes of a script printed; anything unexpected is an error, never a guess. */
export function parseProbes(output: string, host: string): ReadonlyMap<string, Probe> {
  const lines = output.split("\n").filter((line) => line !== "");
  if (lines.pop() !== "end") throw malformed(host, "the output ends early");
  const probes = new Map<string, Probe>();
  for (const line of lines) {
    const match = /^([\w.:/@-]+) (\d{1,3}) (-|[A-Za-z0-9+/]+={0,2})$/.exec(line);
    const [, name, exitCode, encoded] = match ?? [];
    if (!name || !exitCode || !encoded) throw malformed(host, line.slice(0, 80));
    if (probes.has(name)) throw malformed(host, `${name} twice`);
    const text = encoded === "-" ? "" : Buffer.from(encoded, "base64").toString("utf8");
    probes.set(name, { exitCode: Number(exitCode), text });
  }
  return probes;
}

/** A probe that the script must have printed. */
export function probeNamed(probes: ReadonlyMap<string, Probe>, name: string, host: string): Probe {
  const found = probes.get(name);
  if (!found) throw malformed(host, `probe ${name} is missing`);
  return found;
}

function malformed(host: string, found: string): UserError {
  return new UserError({
    what: `${host}: what the host printed cannot be read`,
    found,
    allowed: "one line a probe",
    remedy: "look for output from the user's shell start files (.bashrc) on that host",
  });
}
