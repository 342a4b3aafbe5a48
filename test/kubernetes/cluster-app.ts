import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { App, LocalBackend, TerraformStack } from "cdktf";
import { execa } from "execa";
import { K3sDeployment, type K3sDeploymentProps } from "../../constructs/k3s-deployment.ts";
import { KubernetesAccess } from "../../constructs/kubernetes-access.ts";
import type { K3sRuntime, K3sWorkload } from "../../lib/catalog/index.ts";
import type { Pin } from "../../lib/config/deploy-file.ts";
import { type CredentialSpec, credentialArgs } from "../../lib/kubernetes/credential-args.ts";
import { bundleSteps, type StepBundle } from "../../lib/steps/bundle.ts";
import { checkout, type LabSite, lines, type Outcome } from "../lab-support.ts";

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = address && typeof address === "object" ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export interface StackOptions {
  readonly pin: Pin<K3sRuntime>;
  readonly access: CredentialSpec;
  /** Keeps state and output folder apart. @default "stack" */
  readonly name?: string;
  /** Changes every workload. @default - as in the pin */
  readonly workload?: Partial<K3sWorkload>;
  readonly deployment?: Partial<K3sDeploymentProps>;
}

/** The real constructs in a stack of their own, applied by the real terraform. */
export class ClusterApp {
  private readonly bundle: StepBundle;

  constructor(
    private readonly site: LabSite,
    sha256?: string,
  ) {
    const bundle = bundleSteps(checkout, join(checkout, ".unidesk", "steps"));
    this.bundle = sha256 ? { ...bundle, sha256 } : bundle;
  }

  /** Writes the stack's configuration and makes its plugins known. */
  async write(options: StackOptions): Promise<void> {
    const { pin, access: spec, name = "stack", deployment } = options;
    mkdirSync(this.folder(name), { recursive: true });
    const app = new App({ outdir: join(this.folder(name), "out") });
    const stack = new TerraformStack(app, "stack");
    new LocalBackend(stack, { path: this.stateFile(name) });
    const access = new KubernetesAccess(stack, "kubernetes", { runtime: { bundle: this.bundle }, ...spec });
    for (const declared of pin.consumer.runtime.workloads) {
      const workload = { ...declared, ...options.workload };
      new K3sDeployment(stack, workload.name, { access, pin, workload, registryPort: 5000, ...deployment });
    }
    app.synth();
    const { exitCode, output } = await this.terraform(name, "init", "-input=false");
    if (exitCode !== 0) throw new Error(output);
  }

  plan(name = "stack"): Promise<Outcome> {
    const out = `-out=${this.planFile(name)}`;
    return this.terraform(name, "plan", "-input=false", "-detailed-exitcode", "-lock=false", out);
  }

  /** A plan that must find nothing to do. */
  async settled(name = "stack"): Promise<void> {
    const { exitCode, output } = await this.plan(name);
    if (exitCode !== 0) throw new Error(`a plan without changes was expected:\n${output}`);
  }

  apply(name = "stack"): Promise<Outcome> {
    return this.terraform(name, "apply", "-input=false", "-auto-approve");
  }

  private async terraform(name: string, ...args: string[]): Promise<Outcome> {
    const folder = join(this.folder(name), "out", "stacks", "stack");
    const result = await execa("terraform", [`-chdir=${folder}`, ...args], {
      preferLocal: true,
      localDir: checkout,
      stdin: "ignore",
      all: true,
      reject: false,
      timeout: 360_000,
      env: this.env,
    });
    const output = stripVTControlCharacters(result.all);
    this.site.printed.push(output);
    return { exitCode: result.exitCode ?? -1, stdout: stripVTControlCharacters(result.stdout), output };
  }

  /** The credential command alone, as the provider calls it. */
  async credential(spec: CredentialSpec) {
    const { stdout, stderr, exitCode } = await execa("node", credentialArgs(this.bundle, spec), {
      reject: false,
      stdin: "ignore",
      timeout: 90_000,
      env: this.env,
    });
    return { exitCode, stderr, reply: JSON.parse(stdout) };
  }

  /** Everything that Terraform keeps of a stack, and what was synthesized. */
  kept(name = "stack"): string {
    const configuration = join(this.folder(name), "out", "stacks", "stack", "cdk.tf.json");
    const files = [this.stateFile(name), this.planFile(name), configuration];
    return files.map((file) => readFileSync(file, "latin1")).join("\n");
  }

  /** The processes that hold this site's tunnels, and their SSH connections. */
  async tunnels(): Promise<{ readonly holders: number[]; readonly connections: number[] }> {
    const { stdout } = await execa("ps", ["-eo", "pid=,args="]);
    const pids = (pattern: RegExp) =>
      lines(stdout)
        .filter((line) => pattern.test(line))
        .map((line) => Number.parseInt(line.trim(), 10))
        .filter((pid) => environmentOf(pid).includes(`TMPDIR=${this.site.folder}`));
    return { holders: pids(/ kubernetes-tunnel$/), connections: pids(/ ssh -L /) };
  }

  /** With a user's own configuration, which would be in the way wherever it was read. */
  private get env() {
    const own = join(this.site.folder, "kubeconfig");
    writeFileSync(own, "users: of another cluster");
    const files = ["KUBECONFIG", "KUBE_CONFIG", "KUBE_CONFIG_PATH", "KUBE_CONFIG_PATHS"];
    return {
      CHECKPOINT_DISABLE: "1",
      TMPDIR: this.site.folder,
      ...Object.fromEntries(files.map((name) => [name, own])),
      KUBE_HOST: "https://192.0.2.1:6443",
      KUBE_CTX: "another",
      KUBE_INSECURE: "true",
      KUBE_USER: "somebody",
      KUBE_PASSWORD: "of-another-cluster",
      KUBE_TOKEN: "of-another-cluster",
      KUBE_CLIENT_CERT_DATA: "of-another-cluster",
      KUBE_CLIENT_KEY_DATA: "of-another-cluster",
      KUBE_CLUSTER_CA_CERT_DATA: "of-another-cluster",
    };
  }

  private folder(name: string): string {
    return join(this.site.folder, "cluster", name);
  }

  private stateFile(name: string): string {
    return join(this.folder(name), "terraform.tfstate");
  }

  private planFile(name: string): string {
    return join(this.folder(name), "plan");
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
