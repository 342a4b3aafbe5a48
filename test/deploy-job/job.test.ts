import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deployJobScript } from "../../lib/deploy-job/job-script.ts";
import { type JobContext, renderJobSpec } from "../../lib/deploy-job/job-spec.ts";
import { bash, commitA, composeTarget, localHost, tempFolder, write } from "../support.ts";

const context: JobContext = { runId: "runner/1", operator: "alice@runner" };

/** A job on this machine, which has no such Compose project: it never gets to a container. */
function job(lockHolder: string, envFile = "compose.env") {
  const home = tempFolder();
  const root = join(home, "unidesk");
  const env = write(root, "compose.env", "A=1\n");
  const target = composeTarget({ root, envFile: { path: join(root, envFile) } });
  const artifact = { service: "frontend", repository: "unidesk/frontend", commit: commitA };
  const image = { id: `sha256:${"1".repeat(64)}`, labels: {}, record: undefined };
  const text = renderJobSpec("id-1", localHost(home), { spec: { artifact, target }, image, force: false }, context);
  const folder = join(home, "job");
  write(folder, "id-1/spec", `${text}lock_wait=2\n`);
  const lock = write(home, ".unidesk/locks/compose-unidesk", lockHolder);
  const run = () => {
    const { exitCode } = bash(deployJobScript, ["run", folder, "id-1"]);
    return { exitCode, log: readFileSync(join(folder, "id-1", "log"), "utf8") };
  };
  return { run, lock, folder, env, root };
}

/** Runs `use` while another process holds the lock for that many seconds at most. */
async function whileHeld<T>(lock: string, seconds: string, use: () => T): Promise<T> {
  const holder = spawn("flock", [lock, "bash", "-c", `echo held; exec sleep ${seconds}`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  try {
    return use();
  } finally {
    holder.kill("SIGKILL");
  }
}

test("fails if another deployment of the project holds the lock, and shows whose it is; nothing is written", async () => {
  const since = Math.floor(Date.now() / 1000) - 40;
  const { run, lock, folder, env } = job(`runner/2 ${since} todo-note ${commitA} bob@runner\n`);
  const { exitCode, log } = await whileHeld(lock, "30", run);
  expect(exitCode).toBe(75);
  expect(log).toMatch(
    new RegExp(
      `^waiting for another deployment of project unidesk: todo-note ${commitA} by bob@runner, for 4\\d s\n` +
        `the lock ${lock} is still held after \\d s by: todo-note ${commitA} by bob@runner, for 4\\d s\n@refused 75\n$`,
    ),
  );
  expect(readFileSync(env, "utf8")).toBe("A=1\n");
  expect(existsSync(join(folder, "pending"))).toBe(false);
});

test("waiting for one's own siblings does not count", async () => {
  const { run, lock } = job(`runner/1 0 todo-note ${commitA} alice@runner\n`);
  const { exitCode, log } = await whileHeld(lock, "5", run);
  expect(log).toContain(`waiting for another deployment of project unidesk: todo-note ${commitA} by alice@runner`);
  expect(log).toContain("does not define frontend, or cannot be read");
  expect(exitCode).toBe(1);
});

test("fails if the runner gave up while the job waited", async () => {
  const { run, lock, folder } = job("somebody since yesterday\n");
  write(folder, "id-1/decision", "abort\ninterrupted\n");
  const { exitCode, log } = await whileHeld(lock, "1", run);
  expect(log).toContain("waiting for another deployment of project unidesk: somebody since yesterday\n");
  expect(log).not.toContain("wrote");
  expect(exitCode).toBeGreaterThan(0);
  expect(existsSync(join(folder, "pending"))).toBe(false);
});

test("fails if the env file is not there, before anything is recreated", () => {
  const { run, root } = job("", "gone.env");
  expect(run()).toEqual({ exitCode: 1, log: `the env file ${root}/gone.env is not there\n@refused 1\n` });
});

test("fails if Compose cannot read the project; nothing is written, and the lock says who had it", () => {
  const { run, lock, env, root, folder } = job("");
  const { exitCode, log } = run();
  expect(exitCode).toBe(1);
  expect(log).toContain(
    `nothing was changed: the Compose project unidesk in ${root} (docker-compose.yml) does not define frontend, or cannot be read\n@refused 1\n`,
  );
  expect(readFileSync(env, "utf8")).toBe("A=1\n");
  expect(existsSync(join(folder, "pending"))).toBe(false);
  expect(readFileSync(lock, "utf8")).toMatch(new RegExp(`^runner/1 \\d{10} frontend ${commitA} alice@runner\n$`));
});
