import { describe, expect, test } from "vitest";
import { setEnvKeysFunction } from "../../lib/compose/env-file.ts";
import { envFileLookFunctions } from "../../lib/compose/env-file-look.ts";
import { bash, tempFolder, write } from "../support.ts";

function look(content: string, call: string, file = write(tempFolder(), "compose.env", content)): string {
  const { exitCode, stdout, stderr } = bash(`${envFileLookFunctions}\n${call}`, [file]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.toString();
}

const key = "UNIDESK_FRONTEND_DEPLOY_COMMIT";

describe("our keys", () => {
  test.each([
    ["every form", `${key}=a\r\nexport ${key}: b\n  ${key} = c d\n`, `${key}=a\n${key}=b\n${key}=c d\n`],
    ["no foreign key", `SECRET=hunter2\n#${key}=a\nMY_${key}=a\n${key}S=a\n`, ""],
    ["nothing inside a foreign value", `A='\n${key}=inside\n'\nB="x \\"\n${key}=inside\n"\n`, ""],
    ["none of several lines", `${key}="a\nb"\n`, ""],
  ])("%s", (_, content, expected) => expect(look(content, 'deploy_keys "$1"')).toBe(expected));

  test("are what was written, also beside a foreign value that looks like one", () => {
    const file = write(tempFolder(), "compose.env", `A='\n${key}=inside\n'\n`);
    expect(bash(`${setEnvKeysFunction}\nset_env_keys "$1"`, [file], `${key}=new\n`).exitCode).toBe(0);
    expect(look("", 'deploy_keys "$1"', file)).toBe(`${key}=new\n`);
  });
});

test.each([
  ["plain", "K=12345\n", 5],
  ["the last of duplicates", "K=1\nexport K: 123\n", 3],
  ["a comment and blanks", "K= 123 # 45\n", 3],
  ["a hash inside", "K=1#3\n", 3],
  ["CRLF", "K=123\r\n", 3],
  ["empty", "K=\nK2=1\n", 0],
  ["a comment alone", "K= # 1\n", 0],
  ["quoted, with a comment", `K="1 3" # 45\n`, 3],
  ["quoted and empty", "K='' # 45\n", 0],
  ["an escaped quote", `K="1\\"4"x\n`, 4],
  ["several lines", "K='12\n45'\n", 5],
  ["several lines with an escaped quote", 'K="1\\"\n5"\n', 5],
  ["inside a foreign value", "A='\nK=123\n'\n", 0],
  ["after a foreign value of several lines", "A='\nx'\nK=123\n", 3],
  ["absent", "", 0],
])("length of a value: %s", (_, content, length) => {
  expect(look(content, 'secret_lengths "$1" K')).toBe(`K ${length}\n`);
});
