import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { getEnvKeysFunction, setEnvKeysFunction } from "../../lib/compose/env-file.ts";
import { bash, tempFolder, write } from "../support.ts";

const call = `${setEnvKeysFunction}\nset_env_keys "$1"`;

const setAttribute = `python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))' "$@"`;
const getAttribute = `python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], sys.argv[2]).hex())' "$@"`;

/** Sets keys in a file of that content; returns what the function printed and what the file holds then. */
function set(
  content: string | Uint8Array,
  wanted: string,
  file = write(tempFolder(), "compose.env", content as string),
) {
  const { exitCode, stdout, stderr } = bash(call, [file], wanted);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(readdirSync(dirname(file))).toEqual(["compose.env"]);
  return { printed: stdout.toString(), content: readFileSync(file, "latin1") };
}

test.each([
  ["a plain line", "A=1\nKEY=old\nB=2\n", "A=1\nKEY=new\nB=2\n"],
  ["KEY: v", "KEY: old\n", "KEY=new\n"],
  ["KEY : v", "KEY : old\n", "KEY=new\n"],
  ["KEY = v", "KEY = old\n", "KEY=new\n"],
  ["export KEY=v", "export KEY=old\n", "export KEY=new\n"],
  ["export, tabs and spaces", "  export\t KEY=old\n", "  export\t KEY=new\n"],
  ["an indented line", "\t KEY=old\n", "\t KEY=new\n"],
  ["every duplicate", "KEY=a\nX=1\nKEY=b\nKEY: c\n", "KEY=new\nX=1\nKEY=new\nKEY=new\n"],
  ["CRLF", "A=1\r\nKEY=old\r\nB=2\r\n", "A=1\r\nKEY=new\r\nB=2\r\n"],
  ["a last line without a newline", "A=1\nKEY=old", "A=1\nKEY=new\n"],
  ["an empty value", "KEY=\n", "KEY=new\n"],
  ["an absent key", "A=1\n", "A=1\nKEY=new\n"],
  ["an absent key after a line without a newline", "A=1", "A=1\nKEY=new\n"],
  ["an empty file", "", "KEY=new\n"],
])("%s", (_, before, after) => {
  expect(set(before, "KEY=new\n")).toEqual({ printed: "changed\n", content: after });
});

test.each([
  ["a longer key", "KEYS=1\nKEY_2=1\nKEY2=1\n"],
  ["a key that ends like ours", "MY_KEY=1\nMYKEY=1\nexportKEY=1\n"],
  ["a comment", "#KEY=1\n # KEY=1\n"],
  ["a value that names ours", "A=KEY=1\nB='KEY=1'\n"],
  ["another case", "key=1\nKey=1\n"],
  ["a dash or a dot", "KEY-A=1\nKEY.A=1\n"],
  ["bytes that are no text", "A=\xff\xfe\x01\n\x80=1\n"],
  ["a NUL byte", "A=1\0B\n"],
  ["blank lines and blanks", "\n\n A=1 \t\n\n"],
  ["very long lines", `A=${"x".repeat(200_000)}\n`],
])("%s stays as it is", (_, foreign) => {
  const before = Buffer.from(foreign, "latin1");
  expect(set(before, "KEY=new\n").content).toBe(`${foreign}KEY=new\n`);
});

// Compose reads a quoted value over several lines; a line inside it is not a definition.
test("a line inside another key's quoted value stays as it is", () => {
  expect(set("A='first\nKEY=inside\n'\n", "KEY=new\n").content).toBe("A='first\nKEY=inside\n'\nKEY=new\n");
});

test.each([
  "two words",
  "a=b=c",
  "#no comment",
  "a # b",
  '"quoted"',
  "it's",
  "\\n \\t \\\\",
  "$HOME `id` $(id)",
  "",
  "ü",
])("the value %j arrives byte for byte", (value) => {
  const wanted = `KEY=${value}\n`;
  expect(set("KEY=old\n", wanted).content).toBe(Buffer.from(wanted).toString("latin1"));
  expect(set("", wanted).content).toBe(Buffer.from(wanted).toString("latin1"));
});

test("a key may have digits", () => {
  expect(set("UNIDESK_K3SCTL_ADAPTER_2=old\n", "UNIDESK_K3SCTL_ADAPTER_2=new\n").content).toBe(
    "UNIDESK_K3SCTL_ADAPTER_2=new\n",
  );
});

test("several keys are set in one go, absent ones in their order", () => {
  expect(set("B=0\nX=1\n", "A=1\nB=2\nC=3\n").content).toBe("B=2\nX=1\nA=1\nC=3\n");
});

test("a try says the same and writes nothing", () => {
  const folder = tempFolder();
  const file = write(folder, "compose.env", "KEY=old\n");
  const tried = (wanted: string) =>
    bash(`${setEnvKeysFunction}\nset_env_keys "$1" try`, [file], wanted).stdout.toString();
  expect([tried("KEY=new\n"), tried("KEY=old\n")]).toEqual(["changed\n", "unchanged\n"]);
  expect(readFileSync(file, "utf8")).toBe("KEY=old\n");
  expect(readdirSync(folder)).toEqual(["compose.env"]);
});

describe("what a change that was cut off left beside it goes away", () => {
  test.each([
    ["with the next change", "KEY=new\n"],
    ["where nothing is to be changed", "KEY=old\n"],
  ])("%s", (_, wanted) => {
    const folder = tempFolder();
    const file = write(folder, "compose.env", "KEY=old\n");
    symlinkSync("compose.env", join(folder, "link.env"));
    const others = [
      "compose.env.unidesk.backup",
      "compose.env.unidesk-stage.old",
      "other.env.unidesk-stage.aB3xYz0123",
    ];
    for (const name of ["compose.env.unidesk-stage.aB3xYz0123", ...others]) write(folder, name, "SECRET=1\n");
    expect(bash(call, [join(folder, "link.env")], wanted).exitCode).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["compose.env", "link.env", ...others].sort());
    expect(readFileSync(file, "utf8")).toBe(wanted);
  });
});

describe("a file that already says so", () => {
  test.each([
    ["plainly", "A=1\nKEY=new\nB=2\n"],
    ["twice", "KEY=new\nexport KEY=new\n"],
    ["with CRLF", "KEY=new\r\n"],
    ["in a last line without a newline", "A=1\nKEY=new"],
  ])("%s is not written", (_, content) => {
    const file = write(tempFolder(), "compose.env", content);
    utimesSync(file, 1_000_000, 1_000_000);
    const before = statSync(file);
    expect(set("", "KEY=new\n", file)).toEqual({ printed: "unchanged\n", content });
    expect(statSync(file)).toMatchObject({ mtimeMs: before.mtimeMs, ino: before.ino });
  });
});

test.each([0o600, 0o640, 0o644])("the mode %o is kept", (mode) => {
  const file = write(tempFolder(), "compose.env", "KEY=old\n");
  chmodSync(file, mode);
  set("", "KEY=new\n", file);
  expect(statSync(file).mode & 0o777).toBe(mode);
});

const canSetAttributes = bash(setAttribute, [write(tempFolder(), "a", ""), "user.unidesk", "6b657074"]).exitCode === 0;
describe.runIf(canSetAttributes)("kept is", () => {
  // Version 2; user rw-, user 4711 rw-, group ---, mask rw-, others ---: stat calls that 660.
  const acl =
    "02000000" + "01000600ffffffff" + "0200060067120000" + "04000000ffffffff" + "10000600ffffffff" + "20000000ffffffff";
  test.each([
    ["an extended attribute", "user.unidesk", "6b657074"],
    ["an access list", "system.posix_acl_access", acl],
  ])("%s", (_, name, value) => {
    const file = write(tempFolder(), "compose.env", "KEY=old\n");
    expect(bash(setAttribute, [file, name, value]).stderr).toBe("");
    set("", "KEY=new\n", file);
    expect(bash(getAttribute, [file, name]).stdout.toString().trim()).toBe(value);
  });
});

test("a symbolic link stays one, and the file that it names is changed", () => {
  const folder = tempFolder();
  const real = write(join(folder, "state"), "compose.env", "KEY=old\n");
  symlinkSync("state/compose.env", join(folder, "link.env"));
  expect(bash(call, [join(folder, "link.env")], "KEY=new\n").exitCode).toBe(0);
  expect(lstatSync(join(folder, "link.env")).isSymbolicLink()).toBe(true);
  expect(readlinkSync(join(folder, "link.env"))).toBe("state/compose.env");
  expect(readFileSync(real, "utf8")).toBe("KEY=new\n");
  expect(readdirSync(join(folder, "state"))).toEqual(["compose.env"]);
});

test.each([
  ["a plain line", "A=1\nKEY=old\nB=2\n", "A=1\nB=2\n"],
  ["every form and duplicate", "KEY: a\nexport KEY=b\n  KEY = c\nX=1\n", "X=1\n"],
  ["a value over several lines", "KEY='a\nb\n'\nX=1\n", "X=1\n"],
  ["a last line without a newline", "A=1\nKEY=old", "A=1\n"],
  ["the only line", "KEY=old\n", ""],
  ["CRLF", "A=1\r\nKEY=old\r\n", "A=1\r\n"],
])("a key without a value is removed: %s", (_, before, after) => {
  expect(set(before, "KEY\n")).toEqual({ printed: "changed\n", content: after });
});

test.each(["A=1\n", "A=1", "KEYS=1\n#KEY=1\n"])("where the key is not there, %j stays as it is", (content) => {
  expect(set(content, "KEY\n")).toEqual({ printed: "unchanged\n", content });
});

describe("what a restore needs", () => {
  const get = (content: string) => {
    const file = write(tempFolder(), "compose.env", content);
    const { exitCode, stdout } = bash(`${getEnvKeysFunction}\nget_env_keys "$1"`, [file], "KEY\nOTHER\n");
    expect(exitCode).toBe(0);
    return stdout.toString();
  };

  test.each([
    ["absent keys", "A=1\n", "KEY\nOTHER\n"],
    ["the last of duplicates", "KEY=a\nexport KEY: b\n", "KEY=b\nOTHER\n"],
    ["the raw text", "KEY='a b' # c\r\nOTHER=\n", "KEY='a b' # c\nOTHER=\n"],
    ["nothing inside another's value", "A='\nKEY=1\n'\n", "KEY\nOTHER\n"],
  ])("%s", (_, content, expected) => {
    expect(get(content)).toBe(expected);
  });

  test.each(["A=1\nKEY=old\nB=2\n", "A=1\nB=2\n", "OTHER=x\nA=1\n"])("brings %j back after a deployment", (content) => {
    const file = write(tempFolder(), "compose.env", content);
    const wanted = get(content);
    set("", "KEY=new\nOTHER=new\n", file);
    expect(set("", wanted, file).content).toBe(content);
  });

  test("fails if the file is not there", () => {
    expect(bash(`${getEnvKeysFunction}\nget_env_keys "$1"`, [join(tempFolder(), "gone")]).exitCode).toBe(1);
  });
});

describe("fails", () => {
  const refusal = (file: string, before = "") => {
    const { exitCode, stdout, stderr } = bash(`${before}\n${call}`, [file], "KEY=new\n");
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 1, stdout: "" });
    return stderr;
  };

  test("if the file is not there, and leaves nothing behind", () => {
    const folder = tempFolder();
    expect(refusal(join(folder, "compose.env"))).toBe(`the env file ${folder}/compose.env is not there\n`);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("if its folder is not there", () => {
    const file = join(tempFolder(), "state", "compose.env");
    expect(refusal(file)).toBe(`the env file ${file} is not there\n`);
  });

  test("if it is a link to nothing, with the file that it names", () => {
    const folder = tempFolder();
    symlinkSync("gone.env", join(folder, "compose.env"));
    expect(refusal(join(folder, "compose.env"))).toBe(`the env file ${folder}/gone.env is not there\n`);
    expect(readdirSync(folder)).toEqual(["compose.env"]);
  });

  test("if a quoted value is never closed, with the key, and leaves the file as it was", () => {
    const file = write(tempFolder(), "compose.env", "A=1\nB='two\nKEY=old\n");
    expect(refusal(file)).toBe(
      `a quoted value is not closed; the last key before it is B\nthe env file ${file} was left as it is\n`,
    );
    expect(readFileSync(file, "utf8")).toBe("A=1\nB='two\nKEY=old\n");
  });

  test.each([
    ["cp() { echo no >&2; return 1; }; sudo() { return 1; }", "no"],
    ['cp() { chmod 600 "$5"; }; sudo() { echo asks >&2; return 1; }', "asks"],
  ])("if owner and mode cannot be kept, and leaves the file as it was: %s", (tools, why) => {
    const file = write(tempFolder(), "compose.env", "KEY=old\n");
    chmodSync(file, 0o640);
    expect(refusal(file, tools)).toMatch(
      new RegExp(
        `^owner, mode and access list of ${file} cannot be kept: *${why} *\nthe env file ${file} was left as it is\n$`,
      ),
    );
    expect(readFileSync(file, "utf8")).toBe("KEY=old\n");
    expect(readdirSync(dirname(file))).toEqual(["compose.env"]);
  });

  test("if it is a folder", () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "compose.env"));
    expect(refusal(join(folder, "compose.env"))).toBe(`the env file ${folder}/compose.env is not there\n`);
  });
});
