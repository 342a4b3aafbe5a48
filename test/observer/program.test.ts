import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { observerProgram } from "../../lib/observer/program.ts";
import { observingCommand, observingRefusal } from "../../lib/ssh/observing.ts";
import { shellCommand } from "../../lib/ssh/quote.ts";
import { syntaxErrors } from "../support.ts";

const show = `printf '<%s>' "$@"; cat`;
const quoting = `echo 'it'"'"'s $HOME \\\\ \`x\`'; exit 7`;
const program = observerProgram(
  new Map([
    ["what it was told", show],
    ["quotes, and its exit code", quoting],
  ]),
);

/** What sshd does with a forced command. */
function run(command: string | undefined, input = "") {
  const env = { PATH: process.env.PATH, ...(command === undefined ? {} : { SSH_ORIGINAL_COMMAND: command }) };
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-c", program], { env, input, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("bash can read it", () => expect(syntaxErrors("bash", program)).toBe(""));

test.each([[[]], [["one"]], [["", "two words", "line\nline", "$(touch /tmp/x) ' \" \\", "--help", "ö"]]])(
  "a script that it has gets its arguments as they were: %j",
  (args) => {
    const { status, stdout } = run(shellCommand(observingCommand(show, args)), "and standard input");
    expect(stdout).toBe(`${args.length === 0 ? "<>" : args.map((arg) => `<${arg}>`).join("")}and standard input`);
    expect(status).toBe(0);
  },
);

test("the script's text is the one that it has, and so is the exit code", () => {
  const { status, stdout } = run(shellCommand(observingCommand(quoting, [])));
  expect(stdout).toBe("it's $HOME \\\\ `x`\n");
  expect(status).toBe(7);
});

describe("refuses everything else, and runs nothing", () => {
  const [word = "", id = "", words = ""] = observingCommand(show, ["x"]);
  test.each([
    ["no command: a login", undefined],
    ["an empty command", ""],
    ["a command of somebody's own", "id"],
    ["what a deploying run sends", shellCommand(["bash", "-c", show, "unidesk", "x"])],
    ["file transfer", "/usr/lib/openssh/sftp-server"],
    ["Docker's own tunnel", "docker system dial-stdio"],
    ["a script that it does not have", shellCommand(observingCommand(`${show} `, []))],
    ["a pattern for a script", `${word} * ${words}`],
    ["more words", `${word} ${id} ${words} x`],
    ["a second command", `${word} ${id} ${words};id`],
    ["a second line", `${word} ${id} -\nid`],
    ["arguments that are not base64", `${word} ${id} $(id)`],
    ["more arguments than any read has", `${word} ${id} ${"A".repeat(20_001)}`],
  ])("%s", (_, command) => {
    const { status, stdout, stderr } = run(command);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^unidesk-observer: .+\n$/);
    expect(status).toBe(observingRefusal);
  });
});
