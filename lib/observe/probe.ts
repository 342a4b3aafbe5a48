import { UserError } from "../errors.ts";
import { shellCommand } from "../ssh/quote.ts";

/**
 * How a host is looked at: a bash script of probes, each of which prints one line
 * `<name> <exit code> <base64>`; standard output where the command succeeded, else standard error.
 * Binary-safe, one round trip, and a probe that fails does not hide the others.
 *
 * `probe NAME COMMAND…` runs at once; `probe_later NAME COMMAND…` runs beside the others until `probe_wait`.
 *
 * The text of a look knows everything that may be looked at; the arguments choose of it, by words `KIND/KEY=VALUE`, and
 * can say nothing else. `each KIND FUNCTION WORD…` calls FUNCTION KEY VALUE for the words of one kind.
 */
export const probePrelude = String.raw`
set -u
export LC_ALL=C TZ=UTC
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
probe() {
  local name=$1 out code err
  shift
  err=$work/err.$name
  out=$("$@" 2>"$err" | head -c 4194304 | base64 -w0; exit "$PIPESTATUS")
  code=$?
  if [ "$code" -ne 0 ] && [ -s "$err" ]; then out=$(head -c 4096 "$err" | base64 -w0); fi
  [ -n "$out" ] || out=-
  printf '%s %s %s\n' "$name" "$code" "$out"
}
probe_later() { probe "$@" > "$work/later.$1" & }
probe_wait() { wait; cat "$work"/later.* 2>/dev/null; }
each() {
  local kind=$1 call=$2 word
  shift 2
  for word in "$@"; do
    case $word in "$kind/"*) word=${"$"}{word#"$kind/"}; "$call" "${"$"}{word%%=*}" "${"$"}{word#*=}" ;; esac
  done
}
unknown_subject() { echo "this look knows no $1" >&2; exit 2; }
for word in "$@"; do
  [[ $word =~ ^(registry|auth|compose|k3s)/[a-z0-9][a-z0-9./-]*=([0-9a-f]{40})?$ ]] || unknown_subject "$word"
done
`;

/** Shell function FUNCTION KEY VALUE for `each`: runs the commands that are known under the key, and refuses any other. */
export function knownSubjects(
  name: string,
  kind: string,
  known: readonly (readonly [key: string, commands: string])[],
): string {
  const branches = known.map(([key, commands]) => `    ${shellCommand([key])}) ${commands} ;;`);
  return `${name}() {
  case $1 in
${branches.join("\n")}
    *) unknown_subject "${kind}/$1" ;;
  esac
}`;
}

export const probeEnd = "\nprobe_wait\necho end\n";

export interface Probe {
  readonly exitCode: number;
  /** Standard output, or standard error where the command failed. */
  readonly text: string;
}

/** What the probes of one script printed, by name. */
export class Probes {
  constructor(
    private readonly host: string,
    private readonly found: ReadonlyMap<string, Probe>,
  ) {}

  has(name: string): boolean {
    return this.found.has(name);
  }

  /** A probe that the script must have printed. */
  get(name: string): Probe {
    const probe = this.found.get(name);
    if (!probe) throw malformed(this.host, `probe ${name} is missing`);
    return probe;
  }

  /** Output of a probe that must have succeeded; the error says which part of the look failed. */
  text(name: string): string {
    const { exitCode, text } = this.get(name);
    if (exitCode === 0) return text;
    throw new UserError({
      what: `${this.host}: looking at ${name} failed (exit ${exitCode})`,
      found: text.trim().slice(0, 300) || "no output",
    });
  }

  /** Output of a probe, or undefined where it failed. */
  optional(name: string): string | undefined {
    const { exitCode, text } = this.get(name);
    return exitCode === 0 ? text : undefined;
  }
}

/** Reads what the probes of a script printed; anything unexpected is an error, never a guess. */
export function parseProbes(output: string, host: string): Probes {
  const lines = output.split("\n").filter((line) => line !== "");
  if (lines.pop() !== "end") throw malformed(host, "the output ends early");
  const probes = new Map<string, Probe>();
  for (const line of lines) {
    const match = /^([\w.:@-]+) (\d{1,3}) (-|[A-Za-z0-9+/]+={0,2})$/.exec(line);
    const [, name, exitCode, encoded] = match ?? [];
    if (!name || !exitCode || !encoded) throw malformed(host, line.slice(0, 80));
    if (probes.has(name)) throw malformed(host, `${name} twice`);
    const text = encoded === "-" ? "" : Buffer.from(encoded, "base64").toString("utf8");
    probes.set(name, { exitCode: Number(exitCode), text });
  }
  return new Probes(host, probes);
}

function malformed(host: string, found: string): UserError {
  return new UserError({
    what: `${host}: what the host printed cannot be read`,
    found,
    allowed: "one line a probe",
    remedy: "look for output from the user's shell start files (.bashrc) on that host",
  });
}
