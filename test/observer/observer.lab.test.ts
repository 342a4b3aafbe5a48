import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HostName, labCommits, labExec } from "../../lab/index.ts";
import { observerPath } from "../../lib/observer/program.ts";
import type { ReviewReport } from "../../lib/review/report.ts";
import { observingRefusal } from "../../lib/ssh/observing.ts";
import { sshOptions } from "../../lib/ssh/options.ts";
import { shellCommand } from "../../lib/ssh/quote.ts";
import { home, mainServerStack, type RunOptions, registry } from "../lab-support.ts";
import { storedFolder } from "../left-reviews.ts";
import { removeImage, serviceOf, useReviewLab } from "../review/lab.ts";

const { second, third } = labCommits.unidesk;
const lab = useReviewLab("observer");
const names: readonly HostName[] = ["d601", "main-server"];
const keysFile = `${home}/.ssh/authorized_keys`;
const key = () => join(lab.site.folder, "observer");
const unidesk = (...args: string[]) => lab.site.unidesk(["observer", ...args]);
const keysOf = (host: HostName) => labExec(host, ["cat", keysFile]);

/** As a job with the observing key has it; the deploying key is not there. */
function observing(options: RunOptions): RunOptions {
  return {
    ...options,
    env: { ...options.env, UNIDESK_ACCESS: "observe" },
    hosts: (hosts) => {
      for (const name of names) hosts[name].identityFile = key();
    },
  };
}

/** Without what changes by itself, and the one warning that differs. */
function comparable(report: ReviewReport) {
  return { ...report, warnings: [], disks: report.disks.map((disk) => ({ ...disk, freeBytes: 0 })) };
}

/** What somebody does who has the key and not our program. */
async function sshAs(host: HostName, options: readonly string[], command: readonly string[] = []) {
  const connection = { ...lab.site.connection(host), identityFile: key() };
  const args = [...options, ...sshOptions(connection), "-o", "ControlPath=none", "--", connection.address, ...command];
  return execa("ssh", args, { reject: false, timeout: 10_000, stdin: "ignore" });
}

beforeAll(async () => {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "a reviewer's", "-f", key()]);
  const installed = await unidesk("install", "--key", `${key()}.pub`, "--json");
  expect(JSON.parse(installed.stdout)).toEqual({
    ok: true,
    hosts: names.map((host) => ({ host, program: "installed", key: "added" })),
  });
});

afterAll(async () => {
  const removed = await unidesk("remove");
  expect(removed.exitCode, removed.output).toBe(0);
  for (const name of names) await labExec(name, `rm -f ${observerPath}`);
});

describe("installing", () => {
  test("again changes nothing, nor does anybody else's key", async () => {
    const before = await keysOf("d601");
    const again = await unidesk("install", "--key", `${key()}.pub`, "--json");
    expect(JSON.parse(again.stdout).hosts).toEqual(
      names.map((host) => ({ host, program: "unchanged", key: "unchanged" })),
    );
    expect(await keysOf("d601")).toBe(before);
    expect(before.split("\n").filter((line) => line.startsWith("restrict,command="))).toHaveLength(1);
    expect(await labExec("d601", `stat -c '%U %a' ${observerPath} ${keysFile}`)).toBe("root 755\nubuntu 600");
  });

  test("without a key it brings an old program up to date", async () => {
    await labExec("d601", `echo '# old' >> ${observerPath}`);
    const doctor = await lab.site.unidesk(["doctor", "--json"]);
    expect(JSON.parse(doctor.stdout).checks).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ where: "d601", what: "observer", ok: false, remedy: "npx unidesk observer install" }),
        expect.objectContaining({ where: "main-server", what: "observer", ok: true }),
      ]),
    );
    const { stdout } = await unidesk("install", "--json");
    expect(JSON.parse(stdout).hosts).toEqual([
      { host: "d601", program: "updated", key: null },
      { host: "main-server", program: "unchanged", key: null },
    ]);
    const rendered = await unidesk("render", "--host", "d601");
    expect((await labExec("d601", ["cat", observerPath])).trim()).toBe(rendered.stdout.trim());
  });

  test("fails if the key can do more already, and changes nothing", async () => {
    const before = await keysOf("main-server");
    const deploying = join(lab.site.folder, "deploying.pub");
    execFileSync("sh", [
      "-c",
      'ssh-keygen -y -f "$1" > "$2"',
      "sh",
      lab.site.connection("d601").identityFile ?? "",
      deploying,
    ]);
    const { exitCode, output } = await unidesk("install", "--key", deploying);
    expect(exitCode).toBe(1);
    expect(output).toContain("already lets this key do more; nothing was changed");
    expect(await keysOf("main-server")).toBe(before);
  });

  test("fails if the key is a private one", async () => {
    const { exitCode, output } = await unidesk("install", "--key", key());
    expect(exitCode).toBe(2);
    expect(output).toContain("a private key, which never leaves its place");
    expect(output).not.toContain(readFileSync(key(), "utf8").split("\n")[2]);
  });
});

describe("an observing key reviews", () => {
  const pins = lab.options({
    frontend: { commit: third },
    findjob: { commit: third },
    mdtodo: { commit: third },
  });

  test("as a deploying one does, and its fingerprint is what the deploying one applies", async () => {
    await removeImage("main-server", "frontend", third);
    const seen = await lab.review(observing(pins));
    const known = await lab.review(pins);
    expect(seen.report.warnings.filter((line) => !known.report.warnings.includes(line))).toEqual([
      expect.stringContaining("planned with an observing key"),
    ]);
    expect(comparable(seen.report)).toEqual(comparable(known.report));
    expect(serviceOf(seen.report, "frontend")).toMatchObject({ commits: { live: second, pinned: third } });
    expect(serviceOf(seen.report, "frontend").transfer.bytes).toBeGreaterThan(0);

    // What crosses from the job with the observing key to the one with the deploying key.
    await lab.review(observing(pins));
    expect(await lab.apply(storedFolder(seen.report.fingerprint), observing(pins))).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("an observing key cannot apply; nothing was changed"),
    });
    const applied = await lab.receipt(seen.report.fingerprint, pins);
    expect(applied).toMatchObject({ result: "applied", fingerprint: seen.report.fingerprint });
    expect((await lab.review(observing(pins))).report.decision).toBe("nothing");
  });

  test("and sees what a person changed by hand", async () => {
    await labExec("main-server", "docker stop -t 1 project-manager-backend");
    const { report } = await lab.review(observing(lab.options()), [mainServerStack]);
    expect(serviceOf(report, "project-manager")).toMatchObject({ action: "repair" });
    await labExec("main-server", "docker start project-manager-backend");
  });

  test("and says so where the hosts have another version of what it runs", async () => {
    await labExec("main-server", `sed -i 's/^[0-9a-f]\\{64\\})$/0)/' ${observerPath}`);
    const { report } = await lab.review(observing(lab.options()), [mainServerStack]);
    expect(report.warnings.join("\n")).toMatch(
      /main-server was not observed[\s\S]*another version of one[\s\S]*npx unidesk observer install/,
    );
    await unidesk("install");
  });

  test("history is a read; a publish is none", async () => {
    const history = await lab.site.unidesk(["history", "frontend"], observing({}));
    expect(history.exitCode, history.output).toBe(0);
    const publish = ["artifact", "publish", "--service", "frontend", "--commit", second];
    expect((await lab.site.unidesk(publish, observing({}))).output).toContain("an observing key");
  });
});

describe("with the key alone nothing else can be done", () => {
  test.each<[string, readonly string[]]>([
    ["a login", []],
    ["a command", ["id"]],
    ["what a deployment runs", [shellCommand(["bash", "-c", "touch /tmp/was-here", "unidesk"])]],
    ["Docker", ["docker system dial-stdio"]],
    ["a file", ["scp -t /tmp"]],
  ])("%s", async (_, command) => {
    const { exitCode, stdout, stderr } = await sshAs("d601", [], command);
    expect(stdout).toBe("");
    expect(stderr).toContain("unidesk-observer: this key can look and do nothing else");
    expect(exitCode).toBe(observingRefusal);
    expect(await labExec("d601", "ls /tmp/was-here 2>/dev/null || true")).toBe("");
  });

  test("a tunnel to the registry, where it could push", async () => {
    const port = registry.port + 20_000 + (process.pid % 10_000);
    const forward = sshAs("d601", ["-N", "-L", `127.0.0.1:${port}:127.0.0.1:${registry.port}`]);
    const asked = await execa(
      "curl",
      ["-sS", "--retry", "5", "--retry-connrefused", "--retry-delay", "1", "-m", "8", `http://127.0.0.1:${port}/v2/`],
      { reject: false },
    );
    expect(asked.exitCode).not.toBe(0);
    expect(asked.stdout).toBe("");
    forward.catch(() => {});
    await forward;
  });

  test("a port of the host that leads back", async () => {
    const { exitCode, stderr } = await sshAs("d601", ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"]);
    expect(stderr).toContain("remote port forwarding failed");
    expect(exitCode).toBe(255);
  });
});

test("removing takes program and key away, and no other key", async () => {
  const { stdout } = await unidesk("remove", "--json");
  expect(JSON.parse(stdout).hosts).toEqual(names.map((host) => ({ host, observer: "removed" })));
  expect(await keysOf("d601")).not.toContain("unidesk-observer");
  expect(await labExec("d601", `ls ${observerPath} 2>/dev/null || true`)).toBe("");
  expect((await sshAs("d601", [], ["id"])).exitCode).toBe(255);
  const again = await unidesk("remove", "--json");
  expect(JSON.parse(again.stdout).hosts[0].observer).toBe("absent");
  expect((await lab.site.unidesk(["history"], {})).exitCode).toBe(0);
});
