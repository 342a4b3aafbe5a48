import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endInOrder } from "../../lib/review/end-in-order.ts";
import { tempFolder, write } from "../support.ts";

let folder: string;
let terraform: ChildProcess;
const ended: Promise<unknown>[] = [];
const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "");

/** Stands for Terraform with one step that takes `stepMs` to put things in order; each notes what it was told. */
async function start(stepMs: number): Promise<number> {
  const step = write(
    folder,
    "steps-0a1b.mjs",
    `import { appendFileSync, writeFileSync } from "node:fs";
process.on("SIGINT", () => setTimeout(() => { appendFileSync("log", "step\\n"); process.exit(); }, ${stepMs}));
setTimeout(() => {}, 60_000);
writeFileSync("step", String(process.pid));`,
  );
  const script = `trap 'echo terraform >> log; exit' INT
"$1" "$2" compose-deployment & while :; do sleep 0.05; done`;
  terraform = spawn("bash", ["-c", script, "terraform", process.execPath, step], { cwd: folder, stdio: "ignore" });
  ended.push(new Promise((resolve) => terraform.on("close", resolve)));
  await until(() => read("step") !== "");
  return terraform.pid ?? 0;
}

beforeEach(() => {
  folder = tempFolder();
});
afterEach(() => {
  for (const pid of [terraform.pid, Number(read("step"))]) if (pid) kill(pid);
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (const began = Date.now(); !isSo(); await sleep(20)) {
    if (Date.now() - began > 15_000) throw new Error(`not so after 15 s; log: ${read("log")}`);
  }
}
const isStopped = (pid: number) => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

test("steps of a checkout whose path has a blank are told too", async () => {
  folder = join(tempFolder(), "my checkout");
  mkdirSync(folder);
  await endInOrder(await start(300));
  await Promise.all(ended);
  expect(read("log")).toBe("step\nterraform\n");
});

test("Terraform stands still until its steps have put things in order, and is told once", async () => {
  await endInOrder(await start(300));
  await Promise.all(ended);
  expect(read("log")).toBe("step\nterraform\n");
});

test("Terraform goes on to its end if whoever stopped it is killed", async () => {
  const pid = await start(50_000);
  const module = new URL("../../lib/review/end-in-order.ts", import.meta.url);
  const program = write(
    folder,
    "end.mjs",
    `const { endInOrder } = await import("${module}"); await endInOrder(${pid});`,
  );
  const parent = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program], { stdio: "ignore" });
  await until(() => isStopped(pid));
  parent.kill("SIGKILL");
  await Promise.all(ended);
  expect(read("log")).toBe("terraform\n");
});
