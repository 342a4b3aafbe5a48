import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Site } from "../lib/config/site.ts";

export interface SyntheticFigures {
  readonly services: number;
  readonly synthSeconds: number;
  readonly planSeconds: number;
  /** Most resident memory of the app, and of Terraform without its providers. */
  readonly synthMegabytes: number;
  readonly planMegabytes: number;
}

/** Sites of more and more services that are nowhere: one stack of Compose services, never looked at, never applied. */
export async function* syntheticSites({ root }: Site): AsyncGenerator<SyntheticFigures> {
  for (const services of [125, 250, 500, 1000]) {
    const folder = mkdtempSync(join(tmpdir(), "unidesk-synthetic-"));
    try {
      yield { services, ...(await synth(root, folder, services)), ...(await plan(root, folder)) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function synth(root: string, folder: string, services: number) {
  const started = performance.now();
  const script = join(root, "bench", "synthetic-app.ts");
  const { stdout } = await execa("node", ["--import", "tsx", script, folder, String(services)], { cwd: root });
  return { synthSeconds: (performance.now() - started) / 1000, synthMegabytes: Number(stdout) / 1024 };
}

async function plan(root: string, folder: string) {
  const cwd = join(folder, "stacks", "unidesk-prod-main-server");
  const options = { cwd, preferLocal: true, localDir: root, env: { CHECKPOINT_DISABLE: "1" } };
  // Its own state file, and nobody else's.
  const stack = JSON.parse(readFileSync(join(cwd, "cdk.tf.json"), "utf8"));
  stack.terraform.backend = { local: { path: join(folder, "state") } };
  writeFileSync(join(cwd, "cdk.tf.json"), JSON.stringify(stack));
  await execa("terraform", ["init", "-input=false"], options);
  const started = performance.now();
  const child = execa("terraform", ["plan", "-input=false", "-lock=false", "-out=plan"], options);
  const most = highWater(child.pid);
  await child;
  return { planSeconds: (performance.now() - started) / 1000, planMegabytes: (await most) / 1024 };
}

/** The launcher becomes Terraform, so that the process id stays; the kernel keeps the highest mark (proc(5), VmHWM). */
async function highWater(pid: number | undefined): Promise<number> {
  let most = 0;
  for (;;) {
    try {
      most = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? most);
    } catch {
      return most;
    }
    await sleep(20);
  }
}
