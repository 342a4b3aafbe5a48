import { spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { deployJobScript } from "../../lib/deploy-job/job-script.ts";
import { type JobContext, renderJobSpec } from "../../lib/deploy-job/job-spec.ts";
import { bash, commitA, composeTarget, localHost, tempFolder, write } from "../support.ts";

const context: JobContext = { runId: "runner/1", operator: "alice@runner" };

/** A Docker that is a shell script: what is before `*` in its `case` of all arguments. */
function stubDocker(cases: string): string {
  const docker = write(tempFolder(), "docker", `#!/bin/sh\ncase "$*" in\n${cases}\n*) exit 1 ;;\nesac\n`);
  chmodSync(docker, 0o755);
  return dirname(docker);
}
const definesFrontend = `*" config --services"*) echo frontend ;;`;

/** A job on this machine, which has no such Compose project: it never gets to a container. */
function job(lockHolder: string, envFile = "compose.env", docker = "") {
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
    const { exitCode } = bash(`PATH=${docker}:$PATH\n${deployJobScript}`, ["run", folder, "id-1"]);
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

describe("fails if a container that Compose would replace could not be put back; nothing is written", () => {
  const refusalOf = (names: string) => {
    const docker = stubDocker(`${definesFrontend}
*"--filter name="*) ;;
"ps -a --format {{.Names}} --filter label=com.docker.compose.project=unidesk --filter label=com.docker.compose.service=frontend --filter label=com.docker.compose.oneoff=False") printf '${names}' ;;`);
    const { run, env, folder } = job("", "compose.env", docker);
    const { exitCode, log } = run();
    expect(exitCode).toBe(1);
    expect(readFileSync(env, "utf8")).toBe("A=1\n");
    expect(existsSync(join(folder, "pending"))).toBe(false);
    return log;
  };
  const says = (
    found: string,
  ) => `nothing was changed: the service frontend of the Compose project unidesk has a container that a failed deployment could not put back
found: ${found}
allowed: one container, named unidesk-frontend
remedy: in the project's Compose file give frontend the container_name unidesk-frontend and no scale, and bring it up once by hand; or correct its container in the catalog (lib/catalog/services.ts)
@refused 1
`;

  test.each([
    ["it has another name", "unidesk-frontend-1\\n", "unidesk-frontend-1"],
    ["there are several", "unidesk-frontend\\nunidesk-frontend-2\\n", "unidesk-frontend-2"],
  ])("%s", (_, names, found) => expect(refusalOf(names)).toBe(says(found)));

  test("the service's own container, and what Compose was replacing, are none of that", () => {
    expect(refusalOf("unidesk-frontend\\n0123456789ab_unidesk-frontend\\n")).toBe(
      "nothing was changed: what runs now could not be noted\n@refused 1\n",
    );
  });
});

test("a value of the env file that Compose quotes is in no log", () => {
  const words = `failed to read /srv/compose.env: line 3: unterminated quoted value`;
  const docker = stubDocker(`*" config --services"*) echo '${words} "s3cr3t' >&2; exit 1 ;;`);
  const { log } = job("", "compose.env", docker).run();
  expect(log).toContain(`${words} ... (cut here: what follows may be a secret)\nnothing was changed: the Compose`);
  expect(log).not.toContain("s3cr3t");
});

test("fails if the env file cannot be written, before anything is noted or recreated", () => {
  const docker = stubDocker(`${definesFrontend}\nps*) ;;`);
  write(docker, "cp", "#!/bin/sh\nexit 1\n");
  write(docker, "sudo", "#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n");
  for (const name of ["cp", "sudo"]) chmodSync(join(docker, name), 0o755);
  const { run, env, folder } = job("", "compose.env", docker);
  const { exitCode, log } = run();
  expect(exitCode).toBe(1);
  expect(log).toContain("No space left on device");
  expect(log).toContain(
    `nothing was changed: the env file ${env} cannot be written; see its folder and the disk\n@refused 1\n`,
  );
  expect(readFileSync(env, "utf8")).toBe("A=1\n");
  expect(existsSync(join(folder, "pending"))).toBe(false);
});

test("going back does not write an env file that needs nothing put back", () => {
  const docker = stubDocker("version*) echo 26 ;;\nps*) ;;\n*) ;;");
  const { folder, env } = job("", "compose.env", docker);
  const absent = ["COMMIT", "REQUESTED_COMMIT", "DIGEST", "IMAGE"].map((key) => `UNIDESK_FRONTEND_DEPLOY_${key}\n`);
  const before = Buffer.from(absent.join("")).toString("base64");
  const names =
    "started previous_container previous_image previous_commit previous_running previous_status previous_stable previous_labels previous_ids recreated_at new_container answered_at restoring restored_container";
  write(folder, "pending", `id=id-1 previous_keys=${before} ${names.replaceAll(/$| /g, "= ")}\n`);
  write(docker, "mktemp", `#!/bin/sh\ncase "$1" in *compose.env*) exit 1 ;; esac\nexec /usr/bin/mktemp "$@"\n`);
  chmodSync(join(docker, "mktemp"), 0o755);
  const { exitCode } = bash(`PATH=${docker}:$PATH\n${deployJobScript}`, ["restore", folder]);
  expect(readFileSync(join(folder, "id-1", "log"), "utf8")).toContain("@ended removed first deployment: removed\n");
  expect(exitCode).toBe(0);
  expect(readFileSync(env, "utf8")).toBe("A=1\n");
});

test("fails if the container was made from Compose files that a recreate would leave out; nothing is written", () => {
  const files = (root: string) => `${root}/docker-compose.yml,${root}/override.yml`;
  const made = job("", "compose.env", stubDocker(""));
  const docker = stubDocker(`${definesFrontend}
"ps -aq "*"--filter name="*) echo c0ffee ;;
ps*) ;;
*config_files*) echo '${files(made.root)}' ;;`);
  const run = bash(`PATH=${docker}:$PATH\n${deployJobScript}`, ["run", made.folder, "id-1"]);
  expect(run.exitCode).toBe(1);
  expect(readFileSync(join(made.folder, "id-1", "log"), "utf8")).toBe(
    `nothing was changed: unidesk-frontend was made from more Compose files than context.hosts names, and a recreate would leave out what they say
found: ${made.root}/override.yml
allowed: ${made.root}/docker-compose.yml
remedy: in cdktf.json name them all, in their order, as compose.file of this host; or bring frontend up once by hand with the allowed ones alone
@refused 1
`,
  );
  expect(readFileSync(made.env, "utf8")).toBe("A=1\n");
  expect(existsSync(join(made.folder, "pending"))).toBe(false);
});
