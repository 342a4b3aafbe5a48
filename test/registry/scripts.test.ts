import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkValue } from "../../lib/config/json-file.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { registryFiles } from "../../lib/registry/files.ts";
import {
  installFileScript,
  newerFileFunction,
  registryScriptsHash,
  startServiceScript,
  stopServiceScript,
} from "../../lib/registry/scripts.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import { bash, tempFolder, write } from "../support.ts";

const settings = checkValue({}, "registry", RegistrySettings);
const files = registryFiles(settings, { home: "/home/ubuntu" });

test("fails if the upload is damaged, before anything is made", () => {
  const home = join(tempFolder(), "home");
  const [config] = registryFiles(settings, { home });
  if (!config) throw new Error("no files");
  const stage = write(tempFolder(), "stage file", `${config.content}x`);
  const { exitCode, stderr } = bash(`set -eu\n${installFileScript(config, stage, hostPaths({ home }))}`);
  const found = bash('sha256sum < "$1" | cut -d" " -f1', [stage]).stdout.toString().trim();
  expect(exitCode).toBe(1);
  expect(stderr).toBe(`the upload of ${config.path} is damaged: expected ${config.sha256}, found ${found}\n`);
  expect(existsSync(home)).toBe(false);
  expect(readFileSync(stage, "utf8")).toBe(`${config.content}x`);
});

test.each([
  ["before", "2 minutes ago", 1],
  ["after", "now", 0],
  ["by a clock that was ahead, so that no start is ever later", "5 hours", 1],
])(
  "a file that was written %s counts against a container that started a minute ago: exit %#",
  (_, written, exitCode) => {
    const file = write(tempFolder(), "config.yml", "");
    const script = `${newerFileFunction}
docker() { date -Ins -d '1 minute ago'; }
timeout() { shift; "$@"; }
touch -d "$2" "$1"
newer_file registry "$1"`;
    expect(bash(script, [file, written]).exitCode).toBe(exitCode);
  },
);

test("a review knows what runs as root there: another setting, or another line, is another hash", () => {
  const other = checkValue({ port: 5001 }, "registry", RegistrySettings);
  expect(registryScriptsHash(settings)).toMatch(/^[0-9a-f]{64}$/);
  expect(registryScriptsHash(settings)).toBe(registryScriptsHash(settings));
  expect(registryScriptsHash(other)).not.toBe(registryScriptsHash(settings));
});

describe("no script", () => {
  const all = [
    ...files.map((file) => installFileScript(file, "/home/ubuntu/stage", hostPaths({ home: "/home/ubuntu" }))),
    startServiceScript(settings, files, "/home/ubuntu/.unidesk/registry-storage"),
    stopServiceScript(settings),
  ];

  test("deletes storage or asks for a password", () => {
    for (const script of all) {
      expect(script).not.toMatch(/rm -r|down .*(-v|--volumes)|docker volume/);
      expect(script).not.toMatch(/sudo (?!-n )/);
    }
  });

  test("speaks to anything but the loopback", () => {
    expect(all.join("").match(/https?:\/\/[^/"]+/g)).toEqual(["http://127.0.0.1:5000"]);
  });
});

describe("what somebody added to the unit", () => {
  const folder = join(tempFolder(), `${settings.name}.service.d`);
  const own = write(folder, "override.conf", "[Service]\n");
  const everyone = write(join(tempFolder(), "service.d"), "all.conf", "[Service]\n");
  /** Starts where all but the unit is as declared. */
  const start = (needsReload: string, dropIns: string) => {
    const commands = `
id() { echo 0; }
systemctl() { case "$*" in *NeedDaemonReload*) echo ${needsReload} ;; *DropInPaths*) echo "${dropIns}" ;; *restart*) echo restarted ;; esac; }
curl() { printf 200; }
timeout() { shift; "$@"; }
docker() { case "$*" in port*) echo "5000/tcp -> 127.0.0.1:5000" ;; *StartedAt*) date -Ins ;; *) echo "running ${settings.image} ${files[0]?.sha256}" ;; esac; }`;
    const { exitCode, stdout } = bash(`set -eu\n${commands}\n${startServiceScript(settings, files, tempFolder())}`);
    expect(exitCode).toBe(0);
    return stdout.toString();
  };

  test("nothing: it is not restarted", () => {
    expect(start("no", everyone)).toBe("the registry runs as declared\nthe registry answers\n");
    expect(existsSync(everyone)).toBe(true);
  });

  test("a drop-in is set aside, where systemd does not read it", () => {
    expect(start("no", `${everyone} ${own}`)).toContain(`set aside: ${own}\nrestarted\n`);
    expect(readdirSync(folder)).toEqual(["override.conf.set-aside"]);
  });

  test("a change that systemd has not loaded restarts it", () => expect(start("yes", "")).toContain("restarted\n"));
});

test("root needs no sudo", () => {
  const run = startServiceScript(settings, files, tempFolder());
  expect(run.replaceAll(/as_root\(\) \{.*\}/g, "")).not.toContain("sudo");
});
