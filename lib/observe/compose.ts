import { dirname } from "node:path";
import * as z from "zod";
import { deployKeyPrefix, deployKeySuffixes } from "../catalog/index.ts";
import { envFileLookFunctions } from "../compose/env-file-look.ts";
import { controlledEnvFileFunction } from "../compose/env-file-path.ts";
import { composeFilesFunctions } from "../compose/files.ts";
import { fingerprintPath, resolvedConfigFunctions } from "../compose/resolved.ts";
import type { ComposeTarget } from "../compose/target.ts";
import type { Connection } from "../config/hosts.ts";
import { type DeliveryRecord, deliveryPath, parseDeliveryRecord } from "../delivery/record.ts";
import { hostPaths } from "../host-paths.ts";
import { deployLabels } from "../labels.ts";
import { receiptsFolder } from "../receipts.ts";
import { shellCommand } from "../ssh/quote.ts";
import type { HealthReply } from "../verdicts/reply.ts";
import { knownSubjects, type Probes } from "./probe.ts";

/** One service of a Compose project, to look at. */
export interface ComposeSubject {
  readonly service: string;
  readonly target: ComposeTarget;
  /** The pinned commit; those of the receipts on the host are looked at too. */
  readonly commit: string;
}

/** A mount of a container: a volume by its name, a folder or file of the host by its path. */
export interface ObservedMount {
  /** Docker's own word: volume, bind, tmpfs … */
  readonly type: string;
  readonly from: string;
  /** Where the container has it. */
  readonly to: string;
}

/** What one container of a host was seen to be. */
export interface ObservedContainer {
  readonly id: string;
  /** Docker's own word: running, exited, restarting … */
  readonly status: string;
  readonly imageId: string;
  readonly imageLabels: Readonly<Record<string, string>>;
  /** Compose files that it was made from and the hosts do not name; a deployment is refused. @default - none */
  readonly otherFiles?: readonly string[];
  /** Our deploy keys in the container's environment; no other key is ever read. */
  readonly deployEnv: Readonly<Record<string, string>>;
  /** Deploy labels, where it was deployed with them. */
  readonly labels: Readonly<Record<string, string>>;
  /** For a person to read; nothing is judged by them. */
  readonly mounts: readonly ObservedMount[];
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
  /** Containers of the same Compose service under other names, which a deployment refuses. @default - none */
  readonly otherNames?: readonly string[];
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
  /** Keyed hash of what a recreate would start now, to compare with another look's. @default - it cannot be told */
  readonly resolved?: string;
}

// Of the container's labels only ours: others may be anything, a proxy's password among it.
const labelFormat = Object.values(deployLabels)
  .map((key) => `${JSON.stringify(key)}:{{json (index .Config.Labels ${JSON.stringify(key)})}}`)
  .join(",");
const mountFormat =
  '{{range $at, $mount := .Mounts}}{{if $at}},{{end}}{"type":{{json .Type}},"name":{{json .Name}},"source":{{json .Source}},"destination":{{json .Destination}}}{{end}}';
const containerFormat = `{"name":{{json .Name}},"id":{{json .Id}},"status":{{json .State.Status}},"imageId":{{json .Image}},"labels":{${labelFormat}},"mounts":[${mountFormat}]}`;
const nameFormat = '{{.Label "com.docker.compose.service"}} {{.Names}}';
const addressFormat = "{{.Name}} {{.HostConfig.NetworkMode}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";

/** Shell functions that the probes call. A container on the host's network is asked at loopback. */
const functions = `${controlledEnvFileFunction}
${envFileLookFunctions}
${composeFilesFunctions}
${resolvedConfigFunctions}
# Docker's answer about several things; that some are not there is an answer too, that it hangs or is down is none.
docker_answer() {
  local code errors
  errors=$work/docker.$BASHPID
  timeout 20 docker "$@" 2>"$errors"
  code=$?
  # The client's warnings, about its config.json or that it is another program, are no part of an answer.
  [ "$code" -ne 0 ] || return 0
  errors=$(grep -vE '^(WARNING|Emulate Docker CLI)' "$errors")
  if [ "$code" -gt 1 ] || [ -z "$errors" ]; then
    printf '%s\\n' "docker gave no answer (exit $code)" "$errors" >&2
    return 1
  fi
  ! printf '%s\\n' "$errors" | grep -viE 'no such (container|image|object)' >&2
}
containers() { docker_answer inspect --type container -f "$1" $names; }
addresses() { containers ${shellCommand([addressFormat])} > "$work/addresses"; }
# service_names PROJECT: "<Compose service> <container>", without those of "docker compose run"
service_names() { docker_answer ps -a --filter "label=com.docker.compose.project=$1" --filter label=com.docker.compose.oneoff=False --format ${shellCommand([nameFormat])}; }
container_images() { local ids; ids=$(containers '{{.Image}}') || return 1; ids=$(printf '%s\\n' "$ids" | sort -u); [ -z "$ids" ] || docker_answer image inspect -f '{"id":{{json .Id}},"labels":{{json .Config.Labels}}}' $ids; }
tagged_images() { docker_answer image inspect -f '{"tags":{{json .RepoTags}},"id":{{json .Id}},"labels":{{json .Config.Labels}}}' $images; }
host_images() { local all; all=$(docker_answer image ls --no-trunc --digests --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}}') && printf '%s' "$all" | sort | sha256sum | cut -d' ' -f1; }
# In a variable first, because awk would hide that Docker gave no answer.
container_env() { local all; all=$(containers '{{$name := .Name}}{{range .Config.Env}}{{println $name .}}{{end}}') || return 1; printf '%s\\n' "$all" | awk '$2 ~ /^UNIDESK_([A-Z0-9_]+_)?DEPLOY_${deployKeySuffixes}=/'; }
# made_from ROOT FILES OWN: "<container> <Compose file that FILES do not name>"
made_from() {
  local all name label file
  all=$(containers '{{.Name}} {{index .Config.Labels "com.docker.compose.project.config_files"}}') || return 1
  printf '%s\\n' "$all" | while read -r name label; do
    forgotten_files "$label" "$1" "$2" "$3" | while IFS= read -r file; do printf '%s %s\\n' "$name" "$file"; done
  done
}
# add_subject CONTAINER COMPOSE_SERVICE SECRETS STABLE_IMAGE RECORDS RECEIPTS SERVICE COMMIT
add_subject() {
  local commit
  names="$names $1" services="$services $2" secret_keys="$secret_keys $3" images="$images $4"
  for commit in $({ echo "$8"; sed -n 's/^spec \\([0-9a-f]\\{40\\}\\) .*/\\1/p' "$6"/*/"$7-delivery" "$6"/*/"$7-deployment" 2>/dev/null; } | sort -u); do
    images="$images $4:$commit"
    record_files="$record_files $5/$commit.json"
  done
}
records() { local file; for file in $record_files; do [ ! -f "$file" ] || { printf '%s ' "$file"; tr -d '\\n' < "$file"; echo; }; done; }
health() {
  local address
  address=$(awk -v name="/$1" '$1 == name { print $2 == "host" ? "127.0.0.1" : $3 }' "$work/addresses")
  [ -n "$address" ] || { echo "the container has no address" >&2; return 1; }
  curl -sS --noproxy '*' --max-time 5 --max-filesize 1048576 -o - -w '\\n%{http_code} %{url_effective}' "http://$address:$2$3"
}
# resolved FILE CONFIG_JSON ROOT PROJECT COMPOSE_FILE FOLDER SERVICE...: "<service> same|changed|unknown <keyed hash>". A
# look makes no host secret: where there is none, nothing was deployed yet.
resolved() {
  local env_file project=$4 root=$3 compose_file=$5 folder=$6 name found word
  [ -s "$HOME/.unidesk/host-secret" ] || return 0
  env_file=$(controlled_env_file "$1" "$2" "$3") || return 1
  shift 6
  # In a variable, because it holds secrets and a file could outlive us.
  project=$(resolved_project "$project" "$root" "$compose_file" "$env_file") || return 1
  for name in "$@"; do
    found=$(printf '%s\\n' "$project" | service_fingerprint "$name") || found=
    word=unknown
    [ ! -s "$folder/$name" ] || if [ "$found" = "$(cat "$folder/$name")" ]; then word=same; else word=changed; fi
    echo "$name $word \${found:0:16}"
  done
}
# of_env_file FILE CONFIG_JSON ROOT COMMAND ARGUMENT...: the command with the controlled env file in front of its arguments
of_env_file() {
  local file
  file=$(controlled_env_file "$1" "$2" "$3") || return 1
  "$4" "$file" "\${@:5}"
}
`;

/** What a look may be asked about. */
export type ComposePlace = Omit<ComposeSubject, "commit">;

/** Words that choose services of a look; see `composeProbes`. */
export function composeWords(subjects: readonly ComposeSubject[]): string[] {
  return subjects.map(({ service, commit }) => `compose/${service}=${commit}`);
}

/** The probes that `readServices` reads, for those services of one host and one Compose project that words choose. */
export function composeProbes(host: Connection, known: readonly ComposePlace[]): string {
  const [first] = known;
  if (!first) return "";
  const { target } = first;
  const env =
    "path" in target.envFile ? [target.envFile.path, "", target.root] : ["", target.envFile.configJson, target.root];
  const folder = dirname(fingerprintPath(host.home, target.project, target.composeService));
  const resolved = [...env, target.project, target.file, folder];
  const subjects = known.map(
    (place) => [place.service, `add_subject ${shellCommand(subjectArguments(host, place))} "$2"`] as const,
  );
  const replies = known.map((place) => [place.service, replyProbes(place).join("; ")] as const);
  return `${functions}
${knownSubjects("compose_subject", "compose", subjects)}
${knownSubjects("compose_replies", "compose", replies)}
names= services= secret_keys= images= record_files=
each compose compose_subject "$@"
if [ -n "$names" ]; then
  probe compose.addresses addresses
  each compose compose_replies "$@"
  probe_later compose.images tagged_images
  probe_later compose.resolved resolved ${shellCommand(resolved)} $services
  probe compose.containers ${shellCommand(["containers", containerFormat])}
  probe compose.files ${shellCommand(["made_from", target.root, target.file, hostPaths(host).deployJobs])}
  probe compose.names ${shellCommand(["service_names", target.project])}
  probe compose.labels container_images
  probe compose.env container_env
  probe compose.records records
  probe compose.keys ${shellCommand(["of_env_file", ...env, "deploy_keys"])}
  probe compose.secrets ${shellCommand(["of_env_file", ...env, "secret_lengths"])} $secret_keys
  probe_later host.images host_images
fi
`;
}

/** Container, name in the Compose file, secrets, stable image, its delivery records' folder, receipts' folder, service. */
function subjectArguments(host: Connection, { service, target }: ComposePlace): string[] {
  const records = dirname(deliveryPath(host, service, "none"));
  const { container, composeService, secrets, stableImage } = target;
  return [container, composeService, secrets.join(" "), stableImage, records, receiptsFolder(host), service];
}

/** A gate on the health path is judged by the reply that the health gave. */
function replyProbes({ service, target: { container, health, gates } }: ComposePlace): string[] {
  const ask = (name: string, path: string) =>
    shellCommand(["probe_later", name, "health", container, String(health.port), path]);
  return [
    ask(`health.${service}`, health.path),
    ...gates.flatMap(({ path }, index) => (path === health.path ? [] : [ask(`gate.${service}.${index}`, path)])),
  ];
}

const Labels = z
  .record(z.string(), z.string())
  .nullable()
  .transform((labels) => labels ?? {});
/** A bind has no name, a tmpfs no source: some versions of Docker leave out what is empty. */
const Text = z
  .string()
  .nullish()
  .transform((text) => text ?? "");
const ContainerLine = z.strictObject({
  name: z.string(),
  id: z.string(),
  status: z.string(),
  imageId: z.string(),
  labels: z
    .record(z.string(), z.string().nullable())
    .transform((labels) => Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, value ?? ""]))),
  mounts: z.array(
    z
      .strictObject({ type: z.string(), name: Text, source: Text, destination: z.string() })
      .transform(({ type, name, source, destination }) => ({ type, from: name || source, to: destination })),
  ),
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
  const names = lines(probes.text("compose.names")).map((line) => line.split(" "));
  const files = lines(probes.text("compose.files"));
  const env = lines(probes.text("compose.env"));
  const keys = probes.optional("compose.keys");
  const lengths = probes.optional("compose.secrets");
  const resolved = keyedLines(probes.optional("compose.resolved") ?? "");
  const readOne = ({ service, target }: ComposeSubject): ObservedService => {
    const found = containers.find(({ name }) => name === `/${target.container}`);
    const otherFiles = files.flatMap((line) =>
      found && line.startsWith(`${found.name} `) ? [line.slice(found.name.length + 1)] : [],
    );
    const others = names.flatMap(([of, name = ""]) =>
      of === target.composeService && name.replace(/^[0-9a-f]{12}_/, "") !== target.container ? [name] : [],
    );
    const commitImages = [...images].flatMap(([tag, image]): [string, ObservedImage][] => {
      const commit = /:([0-9a-f]{40})$/.exec(tag)?.[1];
      if (!commit || tag !== `${target.stableImage}:${commit}`) return [];
      const record = parseDeliveryRecord(records.get(deliveryPath(host, service, commit)) ?? "");
      return [[commit, { id: image.id, labels: image.labels, record }]];
    });
    const [word = "", key = ""] = (resolved.get(target.composeService) ?? "").split(" ");
    return {
      container: found && {
        id: found.id,
        status: found.status,
        imageId: found.imageId,
        imageLabels: labels.get(found.imageId) ?? {},
        ...(otherFiles.length > 0 ? { otherFiles } : {}),
        deployEnv: environment(
          env.filter((line) => line.startsWith(`${found.name} `)).map((line) => line.slice(found.name.length + 1)),
        ),
        labels: found.labels,
        mounts: found.mounts,
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
      ...(others.length > 0 ? { otherNames: others.sort() } : {}),
      stableImageId: images.get(`${target.stableImage}:latest`)?.id,
      images: Object.fromEntries(commitImages),
      envKeys:
        keys === undefined
          ? undefined
          : environment(lines(keys).filter((line) => line.startsWith(deployKeyPrefix(service)))),
      secrets: lengths === undefined ? undefined : secretLengths(target.secrets, keyedLines(lengths)),
      recreateWouldChange: word === "same" || word === "changed" ? word === "changed" : undefined,
      ...(key ? { resolved: key } : {}),
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
