import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { readIfThere } from "./files.mjs";
import { Problem } from "./problem.mjs";
import { step } from "./progress.mjs";
import { lastLines, onPath, run } from "./run.mjs";
import { aptInstall, canInstall, howToInstall } from "./system.mjs";

/** What the lab's hosts are made from, where it can be pulled. */
const baseImage = "debian:trixie";
const startSeconds = 30;

const ask = () => run("docker", ["version", "--format", "{{.Server.Version}}"], { timeoutSeconds: 10 });
const answers = async () => (await ask()).code === 0;

/** @param {string} logFile @param {boolean} checkOnly */
export async function prepareDocker(logFile, checkOnly) {
  const first = await ask();
  if (first.code === 0) return;
  const said = `no Docker daemon answers: ${lastLines(first.output, 2)}`;
  if (/permission denied/i.test(first.output))
    throw new Problem(said, `sudo usermod -aG docker ${process.env.USER ?? "$USER"}, then log in again`);
  if (process.env.DOCKER_HOST)
    throw new Problem(`${said} (DOCKER_HOST=${process.env.DOCKER_HOST})`, "start that daemon, or unset DOCKER_HOST");
  const systemd = existsSync("/run/systemd/system");
  if (checkOnly || process.getuid?.() !== 0)
    throw new Problem(said, systemd ? "sudo systemctl start docker" : "start Docker Desktop, or: sudo dockerd");

  await step("start the Docker daemon", async (detail) => {
    let log = () => "";
    if (systemd) {
      const { code, output } = await run("systemctl", ["start", "docker"], { timeoutSeconds: startSeconds });
      if (code !== 0)
        throw new Problem(`systemctl start docker failed:\n${lastLines(output)}`, "journalctl -u docker -n 50");
    } else {
      // A machine can have Docker's client alone.
      if (onPath("dockerd").length === 0 && canInstall()) await aptInstall(["docker.io"]);
      if (onPath("dockerd").length === 0) throw new Problem("dockerd is not on PATH", howToInstall(["docker.io"]));
      mkdirSync(dirname(logFile), { recursive: true });
      const stream = openSync(logFile, "a");
      spawn("dockerd", [], { detached: true, stdio: ["ignore", stream, stream] })
        .on("error", () => {})
        .unref();
      log = () => `; the last lines of ${logFile}:\n${lastLines(readIfThere(logFile) ?? "")}`;
    }
    const deadline = Date.now() + startSeconds * 1000;
    while (!(await answers())) {
      if (Date.now() > deadline)
        throw new Problem(
          `the Docker daemon did not answer within ${startSeconds} s${log()}`,
          systemd ? "journalctl -u docker -n 50" : "dockerd --debug",
        );
      detail("waits for it to answer");
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  });
}

/**
 * mmdebstrap makes the lab's base image where it cannot be pulled.
 * @param {boolean} checkOnly
 */
export async function prepareBaseImage(checkOnly) {
  if (onPath("mmdebstrap").length > 0) return;
  if ((await run("docker", ["image", "inspect", baseImage])).code === 0) return;
  const reach = checkOnly ? ["manifest", "inspect", baseImage] : ["pull", "-q", baseImage];
  const pulled = await step(`docker ${reach.join(" ")}`, () => run("docker", reach, { timeoutSeconds: 60 }));
  if (pulled.code === 0) return;
  if (canInstall() && !checkOnly) return aptInstall(["mmdebstrap"]);
  throw new Problem(
    `${baseImage} cannot be pulled and mmdebstrap, which makes it, is not on PATH: ${lastLines(pulled.output, 2)}`,
    howToInstall(["mmdebstrap"]),
  );
}
