import { dirname } from "node:path";
import * as z from "zod";
import { deployKeyPrefix, deployKeySuffixes } from "../catalog/index.ts";
import { controlledEnvFileFunction } from "../compose/env-file-path.ts";
import { fingerprintPath, resolvedConfigFunctions } from "../compose/resolved.ts";
import type { ComposeTarget } from "../compose/target.ts";
import type { Connection } from "../config/hosts.ts";
import { type DeliveryRecord, deliveryPath, parseDeliveryRecord } from "../delivery/record.ts";
import { deployLabels } from "../labels.ts";
import { receiptsFolder } from "../receipts.ts";
import { shellCommand } from "../ssh/quote.ts";
import type { HealthReply } from "../verdicts/reply.ts";
import type { Probes } from "./probe.ts";

/** One service of a Compose project, to look at. */
export interface ComposeSubject {
  readonly service: string;
  readonly target: ComposeTarget;
  /** The pinned commit; those of the receipts on the host are looked at too. */
  readonly commit: string;
}

/** What one container of a host was seen to be. */
export interface ObservedContainer {
  readonly id: string;
  /** Docker's own word: running, exited, restarting … */
  readonly status: string;
  readonly imageId: string;
  readonly imageLabels: Readonly<Record<string, string>>;
  /** Our deploy keys in the container's environment; no other key is ever read. */
  readonly deployEnv: Readonly<Record<string, string>>;
  /** Deploy labels, where it was deployed with them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly health: HealthReply;
  /** Replies for the target's gates, in their order. */
  readonly gates: readonly HealthReply[];
}

/** An image under a commit tag. */
export interface ObservedImage {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What the delivery of that commit recorded. */
  readonly record: DeliveryRecord | undefined;
}

export interface ObservedService {
  /** Undefined where there is no container of that name. */
  readonly container: ObservedContainer | undefined;
  /** Id of the image under the stable name; undefined where there is none. */
  readonly stableImageId: string | undefined;
  /** Images under the commit tags, by commit. */
  readonly images: Readonly<Record<string, ObservedImage>>;
  /** Our keys of the controlled env file; undefined where the file cannot be read. */
  readonly envKeys: Readonly<Record<string, string>> | undefined;
  /** Length of each of the target's secrets in the controlled env file, 0 where it is missing; undefined where the file cannot be read. */
  readonly secrets: Readonly<Record<string, number>> | undefined;
  /** Whether a recreate would pull in more than our keys; undefined where that cannot be told. */
  readonly recreateWouldChange: boolean | undefined;
}

// Of the container's labels only ours: others may be anything, a proxy's password among it.
const labelFormat = Object.values(deployLabels)
  .map((key) => `${JSON.stringify(key)}:{{json (index .Config.Labels ${JSON.stringify(key)})}}`)
  .join(",");
const containerFormat = `{"name":{{json .Name}},"id":{{json .Id}},"status":{{json .State.Status}},"imageId":{{json .Image}},"labels":{${labelFormat}}}`;
const addressFormat = "{{.Name}} {{.HostConfig.NetworkMode}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";

/** Shell functions that the probes call. A container on the host's network is asked at loopback. */
const functions = `${controlledEnvFileFunction}
${resolvedConfigFunctions}
# Docker's answer about several things; that some are not there is an answer too, that it hangs or is down is none.
docker_answer() {
  local code errors
  errors=$work/docker.$BASHPID
  timeout 10 docker "$@" 2>"$errors"
  code=$?
  if [ "$code" -gt 1 ] || { [ "$code" -eq 1 ] && [ ! -s "$errors" ]; }; then
    echo "docker gave no answer (exit $code)" >&2
    cat "$errors" >&2
    return 1
  fi
  ! grep -viE 'no such (container|image|object)' "$errors" >&2
}
containers() { docker_answer inspect --type container -f "$1" $names; }
addresses() { containers ${shellCommand([addressFormat])} > "$work/addresses"; }
container_images() { local ids; ids=$(containers '{{.Image}}') || return 1; ids=$(printf '%s\\n' "$ids" | sort -u); [ -z "$ids" ] || docker_answer image inspect -f '{"id":{{json .Id}},"labels":{{json .Config.Labels}}}' $ids; }
tagged_images() { docker_answer image inspect -f '{"tags":{{json .RepoTags}},"id":{{json .Id}},"labels":{{json .Config.Labels}}}' $images; }
container_env() { containers '{{$name := .Name}}{{range .Config.Env}}{{println $name .}}{{end}}' | awk '$2 ~ /^UNIDESK_([A-Z0-9_]+_)?DEPLOY_${deployKeySuffixes}=/'; }
# add_commits STABLE_IMAGE RECORDS COMMIT RECEIPTS SERVICE
add_commits() {
  local commit
  images="$images $1"
  for commit in $({ echo "$3"; sed -n 's/^spec \\([0-9a-f]\\{40\\}\\) .*/\\1/p' "$4"/*/"$5-delivery" "$4"/*/"$5-deployment" 2>/dev/null; } | sort -u); do
    images="$images $1:$commit"
    record_files="$record_files $2/$commit.json"
  done
}
records() { local file; for file in $record_files; do [ ! -f "$file" ] || { printf '%s ' "$file"; tr -d '\\n' < "$file"; echo; }; done; }
health() {
  local address
  address=$(awk -v name="/$1" '$1 == name { print $2 == "host" ? "127.0.0.1" : $3 }' "$work/addresses")
  [ -n "$address" ] || { echo "the container has no address" >&2; return 1; }
  curl -sS --noproxy '*' --max-time 5 --max-filesize 1048576 -o - -w '\\n%{http_code} %{url_effective}' "http://$address:$2$3"
}
# resolved FILE CONFIG_JSON ROOT PROJECT COMPOSE_FILE FOLDER SERVICE...: "<service> same" or "<service> changed"
resolved() {
  local env_file project=$4 root=$3 compose_file=$5 folder=$6 name found
  env_file=$(controlled_env_file "$1" "$2" "$3") || return 1
  shift 6
  # In a variable, because it holds secrets and a file could outlive us.
  project=$(resolved_project "$project" "$root" "$compose_file" "$env_file") || return 1
  for name in "$@"; do
    [ -s "$folder/$name" ] || continue
    found=$(printf '%s\\n' "$project" | service_fingerprint "$name") || found=
    if [ "$found" = "$(cat "$folder/$name")" ]; then echo "$name same"; else echo "$name changed"; fi
  done
}
# secret_lengths FILE CONFIG_JSON ROOT KEY...: "<key> <length of its value>", 0 where it is missing; never a value
secret_lengths() {
  local file
  file=$(controlled_env_file "$1" "$2" "$3") || return 1
  shift 3
  awk -v keys="$*" '
    BEGIN { count = split(keys, wanted, " "); for (i = 1; i <= count; i++) length_of[wanted[i]] = 0 }
    { sub(/\\r$/, ""); sub(/^[ \\t]*(export[ \\t]+)?/, "") }
    match($0, /^[A-Za-z_][A-Za-z0-9_]*[ \\t]*[=:][ \\t]*/) {
      key = substr($0, 1, RLENGTH)
      sub(/[ \\t]*[=:][ \\t]*$/, "", key)
      if (!(key in length_of)) next
      value = substr($0, RLENGTH + 1)
      quote = substr(value, 1, 1)
      if (quote == "\\"" || quote == "\\047") {
        value = substr(value, 2)
        if (index(value, quote)) value = substr(value, 1, index(value, quote) - 1)
      } else {
        sub(/(^|[ \\t]+)#.*$/, "", value)
        sub(/[ \\t]+$/, "", value)
      }
      length_of[key] = length(value)
    }
    END { for (i = 1; i <= count; i++) print wanted[i], length_of[wanted[i]] }
  ' "$file"
}
env_keys() {
  local file
  file=$(controlled_env_file "$1" "$2" "$3") || return 1
  awk '{ sub(/\\r$/, ""); sub(/^[ \\t]*(export[ \\t]+)?/, "") } match($0, /^UNIDESK_[A-Z0-9_]+_DEPLOY_${deployKeySuffixes}[ \\t]*[=:][ \\t]*/) { key = substr($0, 1, RLENGTH); sub(/[ \\t]*[=:][ \\t]*$/, "", key); print key "=" substr($0, RLENGTH + 1) }' "$file"
}
`;

/** The probes that `readServices` reads, for all services of one host and one Compose project. */
export function composeProbes(host: Connection, subjects: readonly ComposeSubject[]): string {
  const [first] = subjects;
  if (!first) return "";
  const { target } = first;
  const env =
    "path" in target.envFile ? [target.envFile.path, "", target.root] : ["", target.envFile.configJson, target.root];
  const folder = dirname(fingerprintPath(host.home, target.project, target.composeService));
  const resolved = [
    ...env,
    target.project,
    target.file,
    folder,
    ...subjects.map((subject) => subject.target.composeService),
  ];
  return `${functions}
names=${list(subjects.map(({ target: { container } }) => container))}
images= record_files=
${subjects.map((subject) => shellCommand(["add_commits", ...commitArguments(host, subject)])).join("\n")}
probe compose.addresses addresses
${subjects.map(({ service, target: { container, health } }) => `probe_later ${shellCommand([`health.${service}`, "health", container, String(health.port), health.path])}`).join("\n")}
${subjects.flatMap(gateProbes).join("\n")}
probe_later compose.images tagged_images
probe_later ${shellCommand(["compose.resolved", "resolved", ...resolved])}
probe compose.containers ${shellCommand(["containers", containerFormat])}
probe compose.labels container_images
probe compose.env container_env
probe compose.records records
probe compose.keys ${shellCommand(["env_keys", ...env])}
probe compose.secrets ${shellCommand(["secret_lengths", ...env, ...new Set(subjects.flatMap((subject) => subject.target.secrets))])}
`;
}

/** A gate on the health path is judged by the reply that the health gave. */
function gateProbes({ service, target: { container, health, gates } }: ComposeSubject): string[] {
  return gates.flatMap(({ path }, index) =>
    path === health.path
      ? []
      : [`probe_later ${shellCommand([`gate.${service}.${index}`, "health", container, String(health.port), path])}`],
  );
}

/** Stable image, its delivery records' folder, the pinned commit, then this service's receipts in any stack. */
function commitArguments(host: Connection, { service, target, commit }: ComposeSubject): string[] {
  const records = dirname(deliveryPath(host, service, commit));
  return [target.stableImage, records, commit, receiptsFolder(host), service];
}

/** Words for an unquoted shell variable; every one is a name or path of ours without white space. */
function list(words: readonly string[]): string {
  return shellCommand([[...new Set(words)].join(" ")]);
}

const Labels = z
  .record(z.string(), z.string())
  .nullable()
  .transform((labels) => labels ?? {});
const ContainerLine = z.strictObject({
  name: z.string(),
  id: z.string(),
  status: z.string(),
  imageId: z.string(),
  labels: z
    .record(z.string(), z.string().nullable())
    .transform((labels) => Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, value ?? ""]))),
});
const LabelLine = z.strictObject({ id: z.string(), labels: Labels });
const ImageLine = LabelLine.extend({ tags: z.array(z.string()).nullable() });

export function readServices(
  probes: Probes,
  host: Connection,
  subjects: readonly ComposeSubject[],
): ReadonlyMap<string, ObservedService> {
  if (subjects.length === 0) return new Map();
  probes.text("compose.addresses");
  const containers = jsonLines(probes.text("compose.containers"), ContainerLine);
  const labels = new Map(jsonLines(probes.text("compose.labels"), LabelLine).map((line) => [line.id, line.labels]));
  const images = new Map(
    jsonLines(probes.text("compose.images"), ImageLine).flatMap((line) => (line.tags ?? []).map((tag) => [tag, line])),
  );
  const records = keyedLines(probes.text("compose.records"));
  const env = lines(probes.text("compose.env"));
  const keys = probes.optional("compose.keys");
  const lengths = probes.optional("compose.secrets");
  const resolved = keyedLines(probes.optional("compose.resolved") ?? "");
  const readOne = ({ service, target }: ComposeSubject): ObservedService => {
    const found = containers.find(({ name }) => name === `/${target.container}`);
    const commitImages = [...images].flatMap(([tag, image]): [string, ObservedImage][] => {
      const commit = /:([0-9a-f]{40})$/.exec(tag)?.[1];
      if (!commit || tag !== `${target.stableImage}:${commit}`) return [];
      const record = parseDeliveryRecord(records.get(deliveryPath(host, service, commit)) ?? "");
      return [[commit, { id: image.id, labels: image.labels, record }]];
    });
    return {
      container: found && {
        id: found.id,
        status: found.status,
        imageId: found.imageId,
        imageLabels: labels.get(found.imageId) ?? {},
        deployEnv: environment(
          env.filter((line) => line.startsWith(`${found.name} `)).map((line) => line.slice(found.name.length + 1)),
        ),
        labels: found.labels,
        health: httpReply(probes, `health.${service}`, target, target.health.path, host),
        gates: target.gates.map(({ path }, index) =>
          httpReply(
            probes,
            path === target.health.path ? `health.${service}` : `gate.${service}.${index}`,
            target,
            path,
            host,
          ),
        ),
      },
      stableImageId: images.get(`${target.stableImage}:latest`)?.id,
      images: Object.fromEntries(commitImages),
      envKeys:
        keys === undefined
          ? undefined
          : environment(lines(keys).filter((line) => line.startsWith(deployKeyPrefix(service)))),
      secrets: lengths === undefined ? undefined : secretLengths(target.secrets, keyedLines(lengths)),
      recreateWouldChange: resolved.has(target.composeService)
        ? resolved.get(target.composeService) === "changed"
        : undefined,
    };
  };
  return new Map(subjects.map((subject) => [subject.service, readOne(subject)]));
}

function secretLengths(keys: readonly string[], found: ReadonlyMap<string, string>): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, Number(found.get(key) ?? 0)]));
}

function httpReply(
  probes: Probes,
  probe: string,
  { health }: ComposeTarget,
  path: string,
  host: Connection,
): HealthReply {
  const { exitCode, text } = probes.get(probe);
  if (exitCode !== 0) {
    const where = `${host.name} port ${health.port} ${path}`;
    return { status: 0, body: "", error: text.trim() || `curl exited with ${exitCode}`, where };
  }
  const at = text.lastIndexOf("\n");
  const [status = "0", url = ""] = text.slice(at + 1).split(" ");
  return { status: Number(status), body: text.slice(0, at), where: `${host.name} ${url}` };
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function jsonLines<S extends z.ZodType>(text: string, schema: S): z.output<S>[] {
  return lines(text).map((line) => schema.parse(JSON.parse(line)));
}

/** `<key> <rest>` lines. */
function keyedLines(text: string): Map<string, string> {
  return new Map(lines(text).map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}

/** KEY=VALUE lines; the last one of a key wins. */
function environment(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
