import { z } from "zod";
import type { Connection } from "../config/hosts.ts";
import { mustRun } from "../ssh/script.ts";
import type { HealthReply } from "../verdicts/health-commit.ts";
import { parseProbes, probeEnd, probeNamed, probePrelude } from "./probe.ts";

/** What one container of a host was seen to be. */
export interface ObservedContainer {
  readonly id: string;
  readonly running: boolean;
  /** Docker's own word: running, exited, restarting … */
  readonly status: string;
  readonly imageId: string;
  readonly imageLabels: Readonly<Record<string, string>>;
  /** Our deploy keys in the container's environment; no other key is ever read. */
  readonly deployEnv: Readonly<Record<string, string>>;
  readonly health: HealthReply;
}

/** Arguments: container, deploy key prefix, health port, health path. */
const script = `${probePrelude}
container=$1 prefix=$2 port=$3 path=$4
inspect() { timeout 10 docker inspect --type container -f "$1" "$container"; }
state() { inspect '{"id":{{json .Id}},"status":{{json .State.Status}},"running":{{json .State.Running}},"imageId":{{json .Image}}}'; }
labels() { timeout 10 docker image inspect -f '{{json .Config.Labels}}' "$(inspect '{{.Image}}')"; }
deploy_env() { inspect '{{range .Config.Env}}{{println .}}{{end}}' | awk -v p="$prefix" 'index($0, p) == 1 || index($0, "UNIDESK_DEPLOY_") == 1'; }
address() { inspect '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' | awk 'NF { print; found = 1; exit } END { if (!found) print "127.0.0.1" }'; }
health() { curl -sS --noproxy '*' --max-time 5 --max-filesize 1048576 -o - -w '\\n%{http_code}' "http://$(address):$port$path"; }
probe state state
probe labels labels
probe env deploy_env
probe address address
probe health health
${probeEnd}`;

const State = z.strictObject({ id: z.string(), status: z.string(), running: z.boolean(), imageId: z.string() });
const Labels = z.record(z.string(), z.string()).nullable();

/** Looks at one container; undefined where there is none of that name. */
export async function observeContainer(
  host: Connection,
  container: string,
  deployPrefix: string,
  health: { readonly port: number; readonly path: string },
): Promise<ObservedContainer | undefined> {
  const args = [container, deployPrefix, String(health.port), health.path];
  const output = await mustRun(host, `look at container ${container}`, script, args);
  const probes = parseProbes(output, host.name);
  const read = (name: string) => probeNamed(probes, name, host.name);
  const state = read("state");
  if (state.exitCode !== 0) {
    if (/no such (container|object)/i.test(state.text)) return undefined;
    throw new Error(`${host.name}: docker inspect ${container} failed: ${state.text.trim()}`);
  }
  const { id, status, running, imageId } = State.parse(JSON.parse(state.text));
  const labels = read("labels");
  return {
    id,
    status,
    running,
    imageId,
    imageLabels: labels.exitCode === 0 ? (Labels.parse(JSON.parse(labels.text)) ?? {}) : {},
    deployEnv: parseEnvLines(read("env").text),
    health: healthReply(
      read("health"),
      `${host.name} http://${read("address").text.trim()}:${health.port}${health.path}`,
    ),
  };
}

function healthReply(probe: { exitCode: number; text: string }, where: string): HealthReply {
  if (probe.exitCode !== 0)
    return { status: 0, body: "", error: probe.text.trim() || `curl exited with ${probe.exitCode}`, where };
  const at = probe.text.lastIndexOf("\n");
  return { status: Number(probe.text.slice(at + 1)), body: probe.text.slice(0, at), where };
}

function parseEnvLines(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
