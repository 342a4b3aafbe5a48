import { randomBytes } from "node:crypto";
import { UserError } from "../errors.ts";
import { authFields, fieldProblem, readAuthScript } from "../kubernetes/auth-source.ts";
import { syncAuthScript } from "../kubernetes/auth-target.ts";
import { type AuthSyncSpec, authLock } from "../kubernetes/target.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import type { StepContext } from "./specs.ts";

/** What was read of `.auth`. The values live here, in the runner's memory, and nowhere else on the runner. */
interface SourceAuth {
  readonly hmac: string;
  readonly values: ReadonlyMap<string, string>;
}

/**
 * Hands the named fields of `.auth` over: source's standard output, the runner's memory, standard input of the cluster's
 * host. Where they are there already nothing changes. The pods are the rollout's, which comes after.
 */
export async function authSync(spec: AuthSyncSpec, context: StepContext): Promise<void> {
  const source = await readSource(spec, context);
  const host = context.connection(spec.host);
  const { namespace, sync } = spec;
  const args = [
    spec.kubectl,
    namespace,
    sync.secret.name,
    sync.configMap.name,
    source.hmac,
    randomBytes(16).toString("hex"),
    authLock(host, namespace, sync.secret.name),
    ...spec.deployments,
  ];
  const input = syncInput(spec, source.values);
  const { exitCode, stdout, stderr } = await runScript(host, syncAuthScript, args, { input, timeoutSeconds: 300 });
  for (const line of stdout.split("\n").filter(Boolean)) context.say(line);
  if (exitCode === 0) return;
  throw new UserError({
    what: `${host.name}: could not sync auth to ${namespace} (exit ${exitCode})`,
    found: withoutSecrets(lastLines(stderr), spec, source.values) || "no output on standard error",
    ...(exitCode === 4 ? { remedy: "apply again: the step before this one makes the namespace" } : {}),
  });
}

async function readSource({ source, sync }: AuthSyncSpec, context: StepContext): Promise<SourceAuth> {
  const host = context.connection(source.host);
  const fields = authFields(sync);
  const { exitCode, stdout, stderr } = await runScript(host, readAuthScript, [source.configJson, ...fields]);
  const remedy = `correct ${source.configJson} on ${source.host}; nothing was changed`;
  if (exitCode !== 0) {
    const what = `${source.host}: .auth cannot be read (exit ${exitCode})`;
    throw new UserError({ what, found: lastLines(stderr) || "no output on standard error", remedy });
  }
  const [hmac = "", ...lines] = stdout.split("\n");
  const values = new Map(fields.map((field) => [field, textOf(field, lines)]));
  return { hmac, values };

  function textOf(field: string, printed: readonly string[]): string {
    const line = printed.find((candidate) => candidate.startsWith(`${field} `)) ?? `${field} absent`;
    const [kind = "", ...literal] = line.slice(field.length + 1).split(" ");
    const problem = fieldProblem(field, kind);
    const value = problem ? undefined : parseLiteral(literal.join(" "));
    if (value !== undefined) return value;
    throw new UserError({
      what: `${source.host} ${source.configJson}: .auth: ${problem ?? `field ${field} is not a valid JSON string`}`,
      allowed: "a text that is not empty",
      remedy,
    });
  }
}

/** JSON's own error would show a part of the text. */
function parseLiteral(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

/** Data for the host's script: once to compare, once to send. */
function syncInput({ sync }: AuthSyncSpec, values: ReadonlyMap<string, string>): string {
  const dataOf = (keys: Readonly<Record<string, string>>) =>
    Object.entries(keys)
      .map(([field, key]): [string, Buffer] => [key, Buffer.from(values.get(field) ?? "", "utf8")])
      .sort(([one], [other]) => (one < other ? -1 : 1));
  const secret = dataOf(sync.secret.keys).map(([key, value]) => [key, value.toString("base64")] as const);
  const configMap = dataOf(sync.configMap.keys);
  return [
    ...secret.map(([key, value]) => `data Secret ${key} ${value}`),
    ...configMap.map(([key, value]) => `data ConfigMap ${key} ${value.toString("hex")}`),
    `json Secret ${JSON.stringify(Object.fromEntries(secret))}`,
    `json ConfigMap ${JSON.stringify(Object.fromEntries(configMap.map(([key, value]) => [key, value.toString("utf8")])))}`,
    "",
  ].join("\n");
}

/** An API server that refuses an object may quote what it refused. */
function withoutSecrets(text: string, { sync }: AuthSyncSpec, values: ReadonlyMap<string, string>): string {
  const secrets = Object.keys(sync.secret.keys).flatMap((field) => {
    const value = values.get(field) ?? "";
    const bytes = Buffer.from(value, "utf8");
    return [value, JSON.stringify(value).slice(1, -1), bytes.toString("base64"), bytes.toString("hex")];
  });
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, "(hidden)"), text);
}
