import type { HostName } from "../config/hosts.ts";
import { authFields, authSourceFunctions, fieldProblem } from "../kubernetes/auth-source.ts";
import { authTargetFunctions } from "../kubernetes/auth-target.ts";
import type { AuthSyncSpec } from "../kubernetes/target.ts";
import { authAnnotations } from "../labels.ts";
import { shellCommand } from "../ssh/quote.ts";
import { knownSubjects, type Probes } from "./probe.ts";

/** One sync, to look at from either of its ends. */
export type AuthSubject = AuthSyncSpec;

/** What a host says about the fields of `.auth`; no value and no plain hash of one ever leaves it. */
export interface ObservedAuthSource {
  /** HMAC of the fields; undefined where this host never took part in a sync, or `problem` says why. */
  readonly hmac: string | undefined;
  /** Why the fields cannot be handed over. */
  readonly problem: string | undefined;
}

/** What a sync left of a Secret or ConfigMap. */
export interface ObservedAuthObject {
  readonly keys: readonly string[];
  /** HMAC of the source at its last sync; undefined where no sync wrote it. */
  readonly source: string | undefined;
  /** It holds what the sync wrote, as the host compared. */
  readonly asWritten: boolean;
}

export interface ObservedAuthTarget {
  /** Undefined where it is not there. */
  readonly secret: ObservedAuthObject | undefined;
  readonly configMap: ObservedAuthObject | undefined;
  /** What the Secret says of its pods: `rolled <sync>` or `pending <sync>`. */
  readonly pods: string;
  /** The sync that each Deployment's pod template says, or `none`, by name; only of those that are there. */
  readonly templates: Readonly<Record<string, string>>;
}

/** Each end of a sync sees its own part; the other one is undefined, as is a target whose cluster gives no answer. */
export interface ObservedAuth {
  readonly source?: ObservedAuthSource;
  readonly target?: ObservedAuthTarget;
  /** Why an end could not be looked at. */
  readonly warning?: string;
}

/** Names a sync in what was observed. */
export function authKey({ namespace, sync }: Pick<AuthSyncSpec, "namespace" | "sync">): string {
  return `${namespace}/${sync.secret.name}`;
}

/** A look makes no host secret: where there is none, no sync was ever done. */
const functions = `
auth_source() {
  local fields
  fields=$(auth_fields "$@") || return 1
  printf '%s\\n' "$fields" | cut -d' ' -f1,2
  [ ! -s "$HOME/.unidesk/host-secret" ] || printf '%s\\n' "$fields" | auth_hmac
}
# auth_target KUBECTL NAMESPACE SECRET CONFIG_MAP DEPLOYMENT...
auth_target() {
  local kubectl_words=$1 kubectl_seconds=20 namespace=$2 secret=$3 config_map=$4 live kind name hmac
  shift 4
  live=$(auth_objects "$namespace" "secret/$secret" "configmap/$config_map" "\${@/#/deployments.apps/}") || return 1
  for kind in Secret ConfigMap; do
    auth_there "$kind" "$live" || continue
    name=$secret
    [ "$kind" = Secret ] || name=$config_map
    echo "$kind there"
    auth_part ${authAnnotations.source} "$kind" "$live" | sed -n "s/^[0-9a-f]\\{64\\}$/$kind source &/p"
    auth_part data "$kind" "$live" | sed "s/^\\([^ ]*\\).*/$kind key \\1/"
    [ -s "$HOME/.unidesk/host-secret" ] || continue
    hmac=$(data_hmac "$namespace" "$kind" "$name" "$(auth_part data "$kind" "$live")") || return 1
    [ "$hmac" != "$(auth_part ${authAnnotations.data} "$kind" "$live")" ] || echo "$kind as-written"
  done
  auth_part ${authAnnotations.pods} Secret "$live" | sed -n 's/^[a-z]* \\([0-9a-f]\\{64\\}\\|none\\)$/pods &/p'
  auth_templates "$live" | sed 's/^/template /'
}
`;

/** Words that choose the syncs of a look; see `authProbes`. */
export function authWords(subjects: readonly AuthSubject[]): string[] {
  return subjects.map((subject) => `auth/${authKey(subject)}=`);
}

/** The probes that `readAuth` reads, for those syncs that words choose. */
export function authProbes(host: HostName, known: readonly AuthSubject[]): string {
  const here = known.flatMap((subject) => {
    const { source, namespace, sync } = subject;
    const { secret, configMap } = sync;
    const atSource = ["auth_source", source.configJson, ...authFields(sync)];
    const atTarget = ["auth_target", subject.kubectl, namespace, secret.name, configMap.name, ...subject.deployments];
    const probes = [
      ...(source.host === host ? [["probe_later", probeName("source", subject), ...atSource]] : []),
      ...(subject.host === host ? [["probe_later", probeName("target", subject), ...atTarget]] : []),
    ];
    return probes.length === 0 ? [] : [[authKey(subject), probes.map(shellCommand).join("; ")] as const];
  });
  if (here.length === 0) return "";
  return `${authSourceFunctions}
${authTargetFunctions}
${functions}
${knownSubjects("auth_subject", "auth", here)}
each auth auth_subject "$@"
`;
}

/** A probe's name is one word; neither part of a key has a colon. */
function probeName(end: "source" | "target", subject: AuthSubject): string {
  return `auth.${end}.${authKey(subject).replace("/", ":")}`;
}

export function readAuth(
  probes: Probes,
  host: HostName,
  subjects: readonly AuthSubject[],
): ReadonlyMap<string, ObservedAuth> {
  const seen = subjects.filter((subject) => subject.source.host === host || subject.host === host);
  return new Map(
    seen.map((subject) => {
      const source = subject.source.host === host ? readSource(probes, subject) : undefined;
      const target = subject.host === host ? readTarget(probes, subject) : undefined;
      const unanswered = subject.host === host && target === undefined;
      const warning = `the cluster of ${host} gave no answer about Secret ${authKey(subject)}; whether its auth is the newest was not looked at`;
      return [
        authKey(subject),
        { ...(source ? { source } : {}), ...(target ? { target } : {}), ...(unanswered ? { warning } : {}) },
      ];
    }),
  );
}

function readSource(probes: Probes, subject: AuthSubject): ObservedAuthSource {
  const { exitCode, text } = probes.get(probeName("source", subject));
  if (exitCode !== 0) return { hmac: undefined, problem: text.trim().split("\n").at(-1) || "it cannot be read" };
  const lines = text.split("\n").filter(Boolean);
  const problem = lines.map((line) => line.split(" ")).find(([, kind]) => kind !== undefined && kind !== "string");
  return {
    hmac: problem ? undefined : lines.find((line) => /^[0-9a-f]{64}$/.test(line)),
    problem: problem && fieldProblem(problem[0] ?? "", problem[1] ?? ""),
  };
}

function readTarget(probes: Probes, subject: AuthSubject): ObservedAuthTarget | undefined {
  const text = probes.optional(probeName("target", subject));
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const all = (lead: string) => lines.filter((line) => line.startsWith(lead)).map((line) => line.slice(lead.length));
  const object = (kind: string): ObservedAuthObject | undefined =>
    lines.includes(`${kind} there`)
      ? {
          keys: all(`${kind} key `),
          source: all(`${kind} source `)[0],
          asWritten: lines.includes(`${kind} as-written`),
        }
      : undefined;
  const templates = all("template ").map((line) => line.split(" "));
  return {
    secret: object("Secret"),
    configMap: object("ConfigMap"),
    pods: all("pods ")[0] ?? "",
    templates: Object.fromEntries(templates.map(([name = "", sync = "none"]) => [name, sync])),
  };
}
