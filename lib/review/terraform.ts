import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { execa, type Options } from "execa";
import * as z from "zod";
import { PlanJson } from "./plan-json.ts";
import { withoutCredentials } from "./without-credentials.ts";

/** Longer than any plan of hosts that answer. */
const timeout = 300_000;

/** Name of the plan file in a stack's folder. */
export const planFile = "reviewed.tfplan";

/** Where Terraform runs for one stack. */
export interface StackFolder {
  readonly name: string;
  /** Folder with the stack's `cdk.tf.json`. */
  readonly path: string;
  /** Checkout whose `node_modules` has the launcher. */
  readonly root: string;
  /** Variables besides this process's own. */
  readonly environment: NodeJS.ProcessEnv;
  /** False where the key may not use Docker and Kubernetes: then the state is believed. @default true */
  readonly refresh?: boolean;
}

/** What one stack would do. `plan` is undefined where it changes nothing. */
export type StackPlan =
  | { readonly plan: PlanJson | undefined; readonly resources: number }
  | { readonly error: string; readonly resources: number };

/**
 * Plans one stack and leaves the plan file in its folder; locks nothing, because it changes nothing. With the same
 * inputs as the last time in this folder that plan still stands, and is not made again.
 *
 * @param inputs Names everything that the plan follows from (planInputs). Default: it is made in any case.
 */
export async function planStack(stack: StackFolder, inputs?: string): Promise<StackPlan> {
  const resources = countResources(stack);
  const memory = join(stack.path, "reviewed.json");
  const known = inputs === undefined ? undefined : remembered(memory, inputs);
  if (known) return { plan: known.plan ?? undefined, resources };
  rmSync(memory, { force: true });
  const result = await planAnew(stack, resources);
  if (inputs !== undefined && !("error" in result)) {
    writeFileSync(memory, JSON.stringify({ inputs, plan: result.plan ?? null } satisfies Memory), { mode: 0o600 });
  }
  return result;
}

const Memory = z.object({ inputs: z.string(), plan: PlanJson.nullable() });
type Memory = z.infer<typeof Memory>;

function remembered(file: string, inputs: string): Memory | undefined {
  try {
    const memory = Memory.parse(JSON.parse(readFileSync(file, "utf8")));
    return memory.inputs === inputs ? memory : undefined;
  } catch {
    // Written half, by another version, or not at all: then it is planned.
    return undefined;
  }
}

async function planAnew(stack: StackFolder, resources: number): Promise<StackPlan> {
  const trouble = await initialize(stack);
  if (trouble !== undefined) return { error: trouble, resources };
  let planned = await plan(stack);
  if (planned.exitCode === 1 && asksForInit(planned)) {
    // The program or its plugins are others than those that it was initialized with.
    forgetInitialization(stack);
    const still = await initialize(stack);
    if (still !== undefined) return { error: still, resources };
    planned = await plan(stack);
  }
  // terraform plan: 0 nothing to do, 1 an error, 2 changes.
  if (planned.exitCode === 0) return { plan: undefined, resources };
  if (planned.exitCode !== 2)
    return { error: stack.refresh === false ? unseen(planned) : errorsIn(planned), resources };
  // Only a plan with changes is worth the second start of every provider.
  return readPlan(stack, planFile);
}

/** What a plan file does, in a folder that is initialized. */
export async function readPlan(stack: StackFolder, file: string): Promise<StackPlan> {
  const resources = countResources(stack);
  const shown = await terraform(stack, ["show", "-json", "-no-color", file]);
  if (shown.exitCode !== 0) return { error: errorsIn(shown), resources };
  return { plan: PlanJson.parse(JSON.parse(shown.stdout)), resources };
}

function plan(stack: StackFolder): Promise<Outcome> {
  rmSync(join(stack.path, planFile), { force: true });
  return terraform(stack, [
    "plan",
    ...["-input=false", "-no-color", "-lock=false", "-detailed-exitcode", `-out=${planFile}`],
    ...(stack.refresh === false ? ["-refresh=false"] : []),
  ]);
}

function asksForInit(planned: Outcome): boolean {
  return /\b(terraform|tofu) init\b/.test(errorsIn(planned).replaceAll(/\s+/g, " "));
}

/** Of an observing key's plan: providers that it cannot serve are asked for what the state lacks and the cluster has. */
function unseen(planned: Outcome): string {
  const errors = errorsIn(planned);
  if (!errors.includes("getting credentials")) return errors;
  return "the cluster has objects that Terraform's state lacks; to take them over needs more than an observing key\n  remedy: npx unidesk review with a key that may deploy";
}

/** Once for each set of providers and each state backend: `init` is the slowest part of a review. Returns what went wrong. */
export async function initialize(stack: StackFolder): Promise<string | undefined> {
  const { terraform: settings } = readStack(stack);
  const wanted = createHash("sha256").update(JSON.stringify(settings)).digest("hex");
  const stamp = join(stack.path, ".terraform", "unidesk-init");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return undefined;
  const init = () => terraform(stack, ["init", "-input=false", "-no-color", "-reconfigure"]);
  let result = await init();
  if (result.exitCode !== 0) {
    // What was chosen for other settings may stand in the way of these.
    forgetInitialization(stack);
    result = await init();
  }
  if (result.exitCode !== 0) return `terraform init: ${errorsIn(result)}\n  remedy: node scripts/prepare.mjs`;
  mkdirSync(join(stack.path, ".terraform"), { recursive: true });
  writeFileSync(stamp, wanted);
  return undefined;
}

/** What Terraform is started with, beside a person's own variables, which win. */
export function terraformVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // A process that lives for seconds need not collect its garbage as often as a server: a quarter less processor time.
  return { CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", GOGC: "400", ...environment };
}

function forgetInitialization({ path }: StackFolder): void {
  for (const name of [".terraform", ".terraform.lock.hcl"]) rmSync(join(path, name), { recursive: true, force: true });
}

interface Outcome {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Its standard error, or why it could not be run. */
  readonly complaint: string;
}

/** Terraform through the project's launcher, as the CDKTF CLI starts it. */
export async function terraform(
  { path, root, environment }: StackFolder,
  args: readonly string[],
  options: Options = {},
): Promise<Outcome> {
  const result = await execa("terraform", args, {
    cwd: path,
    preferLocal: true,
    localDir: root,
    stdin: "ignore",
    reject: false,
    timeout,
    forceKillAfterDelay: 20_000,
    maxBuffer: 256 * 1024 * 1024,
    env: terraformVariables(environment),
    ...options,
  });
  const { exitCode, stdout, stderr, shortMessage } = result;
  const complaint = String(stderr ?? "") || (shortMessage ?? "");
  return {
    exitCode,
    stdout: String(stdout ?? ""),
    complaint: withoutCredentials(complaint, { ...process.env, ...environment }),
  };
}

/** Terraform's own words about what went wrong, without its frames. */
export function errorsIn({ complaint }: Pick<Outcome, "complaint">): string {
  const text = stripVTControlCharacters(complaint).replaceAll(/^[│╷╵] ?/gm, "");
  const at = text.search(/^Error: /m);
  const found = (at < 0 ? text : text.slice(at)).replaceAll(/\n{2,}/g, "\n").trim();
  return (found || "no reason given").slice(0, 2000);
}

interface StackJson {
  readonly terraform?: unknown;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function readStack({ path }: StackFolder): StackJson {
  return JSON.parse(readFileSync(join(path, "cdk.tf.json"), "utf8")) as StackJson;
}

function countResources(stack: StackFolder): number {
  const { resource = {} } = readStack(stack);
  return Object.values(resource).reduce((sum, byName) => sum + Object.keys(byName).length, 0);
}
