import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { composeDeployScript } from "../../lib/compose/deploy-script.ts";
import { bash, commitA, tempFolder, write } from "../support.ts";

function deploy(lock: string, envFile: string) {
  const args = [lock, "1", "unidesk", "/nowhere", "docker-compose.yml", envFile, "", "frontend"];
  const rest = ["unidesk-no-such-container", "unidesk-no-such-image", commitA, "sha256:none"];
  const last = ["UNIDESK_FRONTEND_DEPLOY_", `${envFile}.fingerprint`];
  return bash(composeDeployScript, [...args, ...rest, ...last], `UNIDESK_FRONTEND_DEPLOY_COMMIT=${commitA}\n`);
}

test("fails if another deployment of the project holds the lock, and says which; nothing is written", async () => {
  const folder = tempFolder();
  const lock = write(folder, "locks/compose-unidesk", "todo-note since yesterday\n");
  const envFile = write(folder, "compose.env", "A=1\n");
  const holder = spawn("flock", [lock, "bash", "-c", "echo held; exec sleep 30"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  try {
    expect(deploy(lock, envFile)).toMatchObject({
      exitCode: 75,
      stderr: [
        "waiting for another deployment of project unidesk: todo-note since yesterday",
        `the lock ${lock} is still held after 1 s by: todo-note since yesterday`,
        "",
      ].join("\n"),
    });
  } finally {
    holder.kill("SIGKILL");
  }
  expect(readFileSync(envFile, "utf8")).toBe("A=1\n");
});

test("fails if the env file is not there, before anything is recreated", () => {
  const folder = tempFolder();
  const result = deploy(join(folder, "locks", "compose-unidesk"), join(folder, "gone.env"));
  expect(result).toMatchObject({ exitCode: 1, stderr: `the env file ${folder}/gone.env is not there\n` });
  expect(result.stdout.toString()).toBe("");
  expect(readFileSync(join(folder, "locks", "compose-unidesk"), "utf8")).toMatch(
    new RegExp(`^frontend ${commitA} since \\d{4}-`),
  );
});
