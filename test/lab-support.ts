import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { type Options as ExecaOptions, execa } from "execa";
import { afterAll, beforeAll, expect } from "vitest";
import { approverFile, type HostName, type LabHostsFile, labExec, labHosts } from "../lab/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Connection } from "../lib/config/hosts.ts";
import { loadPins, loadSite } from "../lib/config/site.ts";
import { hostPaths } from "../lib/host-paths.ts";
import { apiTunnelCommand } from "../lib/kubernetes/api-tunnel-protocol.ts";
import { RegistrySettings } from "../lib/registry/settings.ts";
import { registryStack, stackName } from "../lib/stack-names.ts";
import { checkout } from "./checkout.ts";
import { forgetReviews } from "./left-reviews.ts";

export { registryStack } from "../lib/stack-names.ts";
export { checkout } from "./checkout.ts";
export const mainServerStack = "unidesk-prod-main-server";
export const d601Stack = "unidesk-prod-d601";
export const devStack = "unidesk-dev-d601";
export const home = "/home/ubuntu";
export const registry = RegistrySettings.parse({});
export const registryPaths = hostPaths({ home }).registry;

export interface RunOptions {
  /** Pins of prod. @default - the checkout's deploy.json */
  readonly pins?: Readonly<Record<string, unknown>>;
  /** Pins of dev, beside those of prod. @default - none */
  readonly devPins?: Readonly<Record<string, unknown>>;
  /** Changes a copy of the lab's hosts. @default - as `lab up` wrote them */
  readonly hosts?: (hosts: LabHostsFile["hosts"]) => void;
  /** Keeps the Terraform state apart from other runs of this file. @default "test" */
  readonly state?: string;
  /** Checkout to run in. @default - this one */
  readonly cwd?: string;
  /** Whether the app looks at the hosts before it synthesizes. @default "on" */
  readonly observe?: "on" | "off";
  /** Through the CDKTF CLI, as a person does it; else its app and terraform alone, in less than half the time. @default false */
  readonly cli?: boolean;
  /** Further environment variables of the command. @default - none */
  readonly env?: Readonly<Record<string, string>>;
  /** Health deadline of every step, written into what was synthesized. @default - the catalog's */
  readonly healthDeadlineSeconds?: number;
}

type Verb = "diff" | "deploy" | "destroy";

export interface Outcome {
  readonly exitCode: number;
  /** Standard output of the command alone. */
  readonly stdout: string;
  /** Standard output and standard error without colours. */
  readonly output: string;
}

/**
 * The real commands against the lab that the environment names, with state, output folder and temporary
 * files of this test file's own. After its last test the hosts are as the checkout declares again.
 */
export class LabSite {
  /** Short, because the runner's unix sockets lie in it. */
  readonly folder = mkdtempSync("/tmp/ut-");
  /** Everything that any command printed, for the search for secrets. */
  readonly printed: string[] = [];
  private readonly states = new Set<string>();
  private lab: LabHostsFile | undefined;

  async open(): Promise<void> {
    this.lab = await labHosts();
    this.removeState();
  }

  /** Registry healthy, and every pin of the checkout published. */
  async restoreRegistry(): Promise<void> {
    await this.deploy(registryStack, { state: "restore" });
    await this.publishMissing(this.pins());
  }

  /** Registry healthy, and every pin of the checkout published and live. */
  async restore(): Promise<void> {
    await this.restoreRegistry();
    const pins = this.pins();
    const stacks = new Set(pins.map(({ service, environment, consumer }) => stackName(service, environment, consumer)));
    await this.deploy([...stacks].join(" "), { state: "restore" });
  }

  /** What `cdktf deploy` applies of the checkout's pins without a person's approval. */
  pins(): Pin[] {
    const site = loadSite(checkout, { UNIDESK_HOSTS: this.hostsFile("restore") });
    return loadPins(site).filter(({ consumer }) => !consumer.planOnly && !consumer.supervised);
  }

  /** Publishes what the registry has no tag of. */
  async publishMissing(wanted: readonly { readonly service: string; readonly commit: string }[]): Promise<void> {
    const tags = `${registryPaths.storage}/docker/registry/v2/repositories/unidesk`;
    const there = new Set(lines(await labExec("d601", `cd ${tags} 2>/dev/null && ls -d */_manifests/tags/* || true`)));
    for (const { service, commit } of wanted) {
      if (!there.has(`${service}/_manifests/tags/${commit}`)) await this.publish(service, commit);
    }
  }

  async close(): Promise<void> {
    // Shared connections close themselves later; their sockets lie in the folder that goes away now.
    for (const { pid } of [...(await sshOf(this)), ...(await tunnelHoldersOf(this))]) endProcess(pid);
    // The next file's restore finds the hosts as this one left them, and then has next to nothing to do.
    for (const name of this.states) {
      forgetReviews(this.target(name));
      if (name !== "restore") this.removeState(name);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async deploy(stack: string, options: RunOptions = {}): Promise<string> {
    return succeeded(`cdktf deploy ${stack}`, await this.tryDeploy(stack, options));
  }

  /** A deploy that must fail; returns what it printed. */
  async failDeploy(stack: string, options: RunOptions = {}): Promise<string> {
    return failed(`cdktf deploy ${stack}`, await this.tryDeploy(stack, options));
  }

  async diff(stack: string, options: RunOptions = {}): Promise<string> {
    return succeeded(`cdktf diff ${stack}`, await this.cdktf("diff", stack, options));
  }

  async failDiff(stack: string, options: RunOptions = {}): Promise<string> {
    return failed(`cdktf diff ${stack}`, await this.cdktf("diff", stack, options));
  }

  async destroy(stack: string, options: RunOptions = {}): Promise<string> {
    return succeeded(`cdktf destroy ${stack}`, await this.cdktf("destroy", stack, options));
  }

  /** Marks a resource of the last synthesized stack for replacement: the next deploy runs it again. */
  async taint(stack: string, resource: string, options: RunOptions = {}): Promise<void> {
    const folder = `-chdir=${join(this.outFolder(options), "stacks", stack)}`;
    const command = [folder, "taint", `null_resource.${resource}`];
    succeeded(`terraform taint ${resource}`, await this.run("terraform", command, options));
  }

  unidesk(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.run("node", [join(checkout, "bin", "unidesk.js"), ...args], options);
  }

  /** A started command in a process group of its own; `kill` what it returns, or await it. */
  startUnidesk(args: readonly string[], options: RunOptions = {}) {
    const settings = { ...this.settings(options), detached: true, env: this.environment(options) } as const;
    return execa("node", [join(checkout, "bin", "unidesk.js"), ...args], settings);
  }

  /** What a person does who approves a pin; of this file's own. */
  async approve(service: string, commit: string, options: RunOptions, environment = "prod"): Promise<void> {
    const args = ["approve", service, "--env", environment, "--commit", commit, "--key", approverFile];
    succeeded(`unidesk ${args.join(" ")}`, await this.unidesk(args, options));
  }

  /** Publishes a commit; returns the artifact summary. */
  async publish(service: string, commit: string): Promise<Record<string, string>> {
    const args = ["artifact", "publish", "--service", service, "--commit", commit, "--json"];
    const outcome = await this.unidesk(args);
    succeeded(`unidesk ${args.join(" ")}`, outcome);
    return JSON.parse(outcome.stdout) as Record<string, string>;
  }

  /** How the product reaches a host of the lab. */
  connection(name: HostName): Connection {
    return loadSite(checkout, { UNIDESK_HOSTS: this.hostsFile() }).connections[name];
  }

  removeState(name = "test"): void {
    rmSync(this.stateFolder(name), { recursive: true, force: true });
  }

  stateFolder(name = "test"): string {
    return join(checkout, "state", this.target(name));
  }

  private async tryDeploy(stack: string, options: RunOptions): Promise<Outcome> {
    if (options.healthDeadlineSeconds === undefined) return this.cdktf("deploy", stack, options);
    const synthesized = await this.synth(options);
    succeeded("synth", synthesized);
    const file = join(this.outFolder(options), "stacks", stack, "cdk.tf.json");
    const text = readFileSync(file, "utf8");
    const shorter = text.replaceAll(/(deadlineSeconds\\":)\d+/g, `$1${options.healthDeadlineSeconds}`);
    expect(shorter, "a health deadline in the synthesized stack").not.toBe(text);
    writeFileSync(file, shorter);
    return this.terraform("deploy", stack, options);
  }

  /** What `cdktf diff|deploy|destroy` does with one stack, or with several with a blank between them. */
  private async cdktf(verb: Verb, stacks: string, options: RunOptions): Promise<Outcome> {
    if (options.cli) {
      const approve = verb === "diff" ? [] : ["--auto-approve"];
      return this.run("cdktf", [verb, ...stacks.split(" "), ...approve, "--output", this.outFolder(options)], options);
    }
    const synthesized = await this.synth(options);
    if (synthesized.exitCode !== 0) return synthesized;
    const runs = await Promise.all(stacks.split(" ").map((stack) => this.terraform(verb, stack, options)));
    return {
      exitCode: Math.max(...runs.map(({ exitCode }) => exitCode)),
      stdout: runs.map(({ stdout }) => stdout).join("\n"),
      output: [synthesized, ...runs].map(({ output }) => output).join("\n"),
    };
  }

  /** The app as cdktf.json starts it. */
  private synth(options: RunOptions): Promise<Outcome> {
    return this.run("node", ["bin/app.js"], {
      ...options,
      env: { ...options.env, CDKTF_OUTDIR: this.outFolder(options) },
    });
  }

  private async terraform(verb: Verb, stack: string, options: RunOptions): Promise<Outcome> {
    const folder = join(this.outFolder(options), "stacks", stack);
    const command = (...args: string[]) => this.run("terraform", [`-chdir=${folder}`, ...args], options);
    if (!existsSync(join(folder, ".terraform"))) {
      succeeded(`terraform init of ${stack}`, await command("init", "-input=false"));
    }
    const approve = verb === "diff" ? [] : ["-auto-approve"];
    return command({ diff: "plan", deploy: "apply", destroy: "destroy" }[verb], "-input=false", ...approve);
  }

  private async run(file: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
    const timeout = 360_000;
    const settings = { ...this.settings(options), timeout, forceKillAfterDelay: 5000, env: this.environment(options) };
    const result = await execa(file, args, settings);
    const output = stripVTControlCharacters(result.all);
    this.printed.push(output);
    if (result.timedOut) throw new Error(`${file} ${args.join(" ")} did not end in ${timeout} ms:\n${output}`);
    return { exitCode: result.exitCode ?? -1, stdout: stripVTControlCharacters(result.stdout), output };
  }

  private settings({ cwd = checkout }: RunOptions) {
    return {
      cwd,
      preferLocal: true,
      localDir: checkout,
      stdin: "ignore",
      all: true,
      reject: false,
    } as const satisfies ExecaOptions;
  }

  private environment(options: RunOptions): Record<string, string> {
    return {
      CI: "1",
      CHECKPOINT_DISABLE: "1",
      TMPDIR: this.folder,
      UNIDESK_HOSTS: this.hostsFile(options.state, options.hosts),
      UNIDESK_DEPLOY_FILE: this.deployFile(options),
      UNIDESK_OBSERVE: options.observe ?? "on",
      UNIDESK_APPROVALS: join(this.folder, "approvals"),
      ...options.env,
    };
  }

  /** One a checkout and state, because a stack's folder remembers where its state lies. */
  private outFolder({ state = "test", cwd = checkout }: RunOptions): string {
    return join(this.folder, `out-${basename(cwd)}-${state}`);
  }

  /** What the commands of a state call their site; no other test file's, and no other lab's, is called so. */
  target(name: string): string {
    return `${this.labFile().target}-${name}`;
  }

  /** Named by its content, so that runs at the same time do not share one. */
  private write(text: string): string {
    const file = join(this.folder, `${createHash("sha256").update(text).digest("hex").slice(0, 12)}.json`);
    writeFileSync(file, text);
    return file;
  }

  hostsFile(state = "test", change?: RunOptions["hosts"]): string {
    this.states.add(state);
    const { hosts, approvers } = structuredClone(this.labFile());
    change?.(hosts);
    return this.write(JSON.stringify({ target: this.target(state), hosts, approvers }));
  }

  private deployFile({ pins, devPins }: RunOptions): string {
    if (!pins && !devPins) return join(checkout, "deploy.json");
    return this.write(JSON.stringify({ version: 1, environments: { prod: pins ?? {}, dev: devPins ?? {} } }));
  }

  private labFile(): LabHostsFile {
    if (!this.lab) throw new Error("the lab's hosts are known from beforeAll on");
    return this.lab;
  }
}

/**
 * The site of a test file, opened before its first test and put back in order after its last.
 *
 * @param changes What the file's tests change on the hosts. Default: services too.
 */
export function useLabSite(changes: "services" | "registry" = "services"): LabSite {
  const site = new LabSite();
  beforeAll(() => site.open());
  afterAll(async () => {
    try {
      await (changes === "services" ? site.restore() : site.restoreRegistry());
    } finally {
      await site.close();
    }
    // The first file of a lab publishes and deploys everything here.
  }, 900_000);
  return site;
}

export interface LivePod {
  /** `<namespace>/<its label app>` */
  readonly name: string;
  readonly pod: string;
  readonly uid: string;
  readonly image: string;
}

/** Pods of the cluster that a label selector matches, without those that are ending. */
export async function livePods(selector = "app"): Promise<LivePod[]> {
  const pod =
    '{{.metadata.namespace}}/{{.metadata.labels.app}} {{.metadata.name}} {{.metadata.uid}} {{(index .spec.containers 0).image}}{{"\\n"}}';
  const format = `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}${pod}{{end}}{{end}}`;
  const text = await labExec("d601", ["k3s", "kubectl", "get", "pods", "-A", "-l", selector, "-o", format]);
  return lines(text).map((line) => {
    const [name = "", pod = "", uid = "", image = ""] = line.split(" ");
    return { name, pod, uid, image };
  });
}

/** Pins each host to the other one's keys. */
export function swapHostKeys(hosts: LabHostsFile["hosts"]): void {
  const { d601, "main-server": mainServer } = hosts;
  [d601.hostKeys, mainServer.hostKeys] = [mainServer.hostKeys, d601.hostKeys];
}

/** Expects one error and no other in what an apply printed. */
export function expectOneError(output: string, ...texts: readonly (string | RegExp)[]): void {
  for (const text of texts) {
    if (typeof text === "string") expect(output).toContain(text);
    else expect(output).toMatch(text);
  }
  expect(output.match(/│ Error: /g), `exactly one error in:\n${output}`).toHaveLength(1);
}

/** Terraform breaks lines and frames errors. */
export function flat(output: string): string {
  return output.replaceAll(/[│\s]+/g, " ").replaceAll('\\"', '"');
}

/**
 * A copy of this checkout in which `change` has edited the context of cdktf.json; everything else, the
 * state included, is this checkout's own.
 */
export function otherCheckout(site: LabSite, change: (context: Record<string, unknown>) => void): string {
  const folder = mkdtempSync(join(site.folder, "checkout-"));
  for (const name of readdirSync(checkout)) {
    if (name === "cdktf.json" || name === ".git") continue;
    symlinkSync(join(checkout, name), join(folder, name));
  }
  const config = JSON.parse(readFileSync(join(checkout, "cdktf.json"), "utf8")) as { context: Record<string, unknown> };
  change(config.context);
  writeFileSync(join(folder, "cdktf.json"), JSON.stringify(config));
  return folder;
}

export interface ContainerFacts {
  readonly id: string;
  readonly imageId: string;
  readonly running: boolean;
  readonly startedAt: string;
}

/** What Docker says about a container of a host; undefined where there is none. */
export async function containerFacts(host: HostName, name: string): Promise<ContainerFacts | undefined> {
  const format =
    '{"id":{{json .Id}},"imageId":{{json .Image}},"running":{{json .State.Running}},"startedAt":{{json .State.StartedAt}}}';
  const script = `docker ps -aq --filter "name=^/$1$" | xargs -r docker inspect -f "$2"`;
  const text = await labExec(host, ["bash", "-ceu", script, "facts", name, format]);
  return text === "" ? undefined : (JSON.parse(text) as ContainerFacts);
}

/** Id of the image of that name on a host; undefined where there is none. */
export async function imageId(host: HostName, reference: string): Promise<string | undefined> {
  const text = await labExec(host, [
    "sh",
    "-c",
    'docker image inspect -f "{{.Id}}" "$1" 2>/dev/null || true',
    "id",
    reference,
  ]);
  return text === "" ? undefined : text;
}

export interface HostFile {
  /** One character a byte, so that texts that are not UTF-8 compare well too. */
  readonly bytes: string;
  /** Owner, mode and time of change. */
  readonly status: string;
}

export async function fileOn(host: HostName, path: string): Promise<HostFile> {
  const script = 'stat -c "%U:%G %a %y" "$1"; base64 -w0 < "$1"';
  const [status = "", encoded = ""] = (await labExec(host, ["bash", "-ceu", script, "file", path])).split("\n");
  return { bytes: Buffer.from(encoded, "base64").toString("latin1"), status };
}

/** Pins of prod as the checkout has them, with changes; undefined takes a pin out. */
export function prodPins(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const file = JSON.parse(readFileSync(join(checkout, "deploy.json"), "utf8")) as {
    environments: { prod: Record<string, unknown> };
  };
  const pins = { ...file.environments.prod, ...changes };
  return Object.fromEntries(Object.entries(pins).filter(([, pin]) => pin !== undefined));
}

/** Replaces a file's bytes in place, so that owner and mode stay; one character a byte. */
export async function writeOn(host: HostName, path: string, bytes: string): Promise<void> {
  const input = Buffer.from(bytes, "latin1").toString("base64");
  await labExec(host, ["bash", "-ceu", 'base64 -d > "$1"', "write", path], { input });
}

/** Local addresses of a host's TCP listeners, sorted. */
export async function listenersOn(host: HostName, filter = ""): Promise<string[]> {
  return lines(await labExec(host, `ss -Hltn '${filter}' | awk '{ print $4 }' | sort`));
}

/** Tunnels that commands of this site left on the runner; the shared connection of a host may stay for a while. */
export async function leftOnRunner(site: LabSite): Promise<string[]> {
  const tunnels = (await sshOf(site)).filter(({ args }) => / -[LR] /.test(args)).map(({ args }) => args);
  const sockets = readdirSync(site.folder, { recursive: true, encoding: "utf8" });
  return [...tunnels, ...sockets.filter((path) => /^t-[0-9a-f]+$/.test(basename(path)))];
}

/** Ends a process of the runner, which may have ended by itself meanwhile. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export interface RunnerProcess {
  readonly pid: number;
  readonly args: string;
}

/** Every process of the runner. */
export async function runnerProcesses(): Promise<RunnerProcess[]> {
  const { stdout } = await execa("ps", ["-eo", "pid=,args="]);
  return lines(stdout)
    .map((line) => line.trim())
    .map((line) => ({ pid: Number.parseInt(line, 10), args: line.replace(/^\d+ /, "") }));
}

/** SSH clients of a site: their known hosts lie in its folder. */
async function sshOf(site: LabSite): Promise<RunnerProcess[]> {
  return (await runnerProcesses()).filter(({ args }) => /^ssh:? /.test(args) && args.includes(site.folder));
}

/** Those of the site's tunnels to the cluster, which hold a port for minutes. */
async function tunnelHoldersOf(site: LabSite): Promise<RunnerProcess[]> {
  const holders = (await runnerProcesses()).filter(({ args }) => args.endsWith(` ${apiTunnelCommand}`));
  return holders.filter(({ pid }) => environmentOf(pid).includes(`TMPDIR=${site.folder}`));
}

/** Empty where the process has ended. */
export function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}

/** HTTP status of the registry's API on d601's loopback; "000" where nothing answers. */
export function registryStatus(port = registry.port): Promise<string> {
  return labExec("d601", `curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.0.1:${port}/v2/ || true`);
}

/** Runs `use` while the registry is stopped, as by an operator. */
export async function withRegistryStopped<T>(use: () => Promise<T>): Promise<T> {
  await labExec("d601", `systemctl stop ${registry.name}`);
  try {
    return await use();
  } finally {
    await labExec("d601", `systemctl start ${registry.name}`);
    await until("the registry answers again", 60_000, async () => (await registryStatus()) === "200");
  }
}

/** Takes one commit's tag out of the registry and its record off d601; its blobs stay. */
export async function forgetTag(service: string, commit: string): Promise<void> {
  if (commit === "") throw new Error(`no commit of ${service} is named`);
  const tag = `${registryPaths.storage}/docker/registry/v2/repositories/unidesk/${service}/_manifests/tags/${commit}`;
  await labExec("d601", ["rm", "-rf", tag, `${hostPaths({ home }).artifacts}/${service}/${commit}.json`]);
}

/** Pushes an image under a commit tag by hand, with the content of another commit's and the given labels. */
export async function pushByHand(
  service: string,
  tag: string,
  from: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const image = `${registry.address}:${registry.port}/unidesk/${service}`;
  const flags = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  const script = 'tag=$1; shift; docker build -q -t "$tag" "$@" - && docker push -q "$tag"';
  const input = `FROM ${image}:${from}\n`;
  await labExec("d601", ["bash", "-ceu", script, "push", `${image}:${tag}`, ...flags], { input });
}

/** Waits for something that comes by itself; a late one fails with what was waited for. */
export async function until(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const started = Date.now();
  while (!(await holds().catch(() => false))) {
    if (Date.now() - started > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain until: ${what}`);
    await sleep(250);
  }
}

export function lines(text: string): string[] {
  return text.split("\n").filter(Boolean);
}

function succeeded(command: string, { exitCode, output }: Outcome): string {
  if (exitCode !== 0) throw new Error(`${command} exited with ${exitCode}:\n${output}`);
  return output;
}

function failed(command: string, { exitCode, output }: Outcome): string {
  if (exitCode === 0) throw new Error(`${command} should have failed, but did not:\n${output}`);
  return output;
}
