import { describe, expect, test } from "vitest";
import { composeSaidFunction } from "../../lib/compose/said.ts";
import { bash } from "../support.ts";

function said(text: string): string {
  const { exitCode, stdout, stderr } = bash(`${composeSaidFunction}\ncompose_said`, [], text);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.toString();
}

const secret = "s3cr3t";
const file = "failed to read /srv/compose.env: line 3: ";
const cut = "... (cut here: what follows may be a secret)\n";

describe("no value of an env file passes, file and line number do", () => {
  test.each([
    ["an open quote", `${file}unterminated quoted value "${secret}\n`, `${file}unterminated quoted value ${cut}`],
    [
      "a broken key",
      `${file}unexpected character "-" in variable name "KEY-${secret}=${secret}"\n`,
      `${file}unexpected character "-" in variable name ${cut}`,
    ],
    [
      "older: all that follows",
      `unexpected character "\\n" in variable name near "KEY\\nTOKEN=${secret}\\n"\n`,
      `unexpected character "\\n" in variable name ${cut}`,
    ],
    ["older: near alone", `line 3: syntax error near ${secret}\n`, `line 3: syntax error near ${cut}`],
    ["over several lines", `unterminated quoted value 'a\n${secret}\n'\n`, `unterminated quoted value ${cut}`],
    [
      "a dollar sign",
      `invalid interpolation format for services.a.environment.B.\nYou may need to escape any $ with another $.\n$\{${secret}\n`,
      `invalid interpolation format for services.a.environment.B. ${cut}`,
    ],
    ["a template", `Invalid template: "$\{${secret}"\n`, `Invalid template ${cut}`],
    [
      "YAML",
      `yaml: unmarshal errors:\n  line 5: cannot unmarshal !!str \`${secret}\` into int\n`,
      `yaml: unmarshal errors:\n  line 5: cannot unmarshal ${cut}`,
    ],
    [
      "a number",
      `services.a.cpus: strconv.ParseFloat: parsing "${secret}": invalid syntax\n`,
      `services.a.cpus: strconv.ParseFloat ${cut}`,
    ],
    ["raw env files", `no variable name on line '=${secret}'\n`, `no variable name on line ${cut}`],
    [
      "whitespace in raw env files",
      `poorly formatted environment: variable 'A ${secret}' contains whitespaces\n`,
      `poorly formatted environment ${cut}`,
    ],
    [
      "an error of its own",
      `required variable V is missing a value: ${secret}\n`,
      `required variable V is missing a value ${cut}`,
    ],
    ["bytes", `invalid utf8 bytes at line 7: ${secret}\n`, `invalid utf8 bytes at line 7 ${cut}`],
    [
      "the tail of a value",
      `time="2026-01-01" level=warning msg="The \\"${secret}\\" variable is not set. Defaulting to a blank string."\n`,
      `time="2026-01-01" level=warning msg="The variable ... is not set. Defaulting to a blank string."\n`,
    ],
    [
      "the same of version 1",
      `WARNING: The ${secret} variable is not set.\n`,
      "WARNING: The variable ... is not set.\n",
    ],
  ])("%s", (_, text, expected) => {
    expect(said(text)).toBe(expected);
    expect(said(text)).not.toContain(secret);
  });
});

test("everything else passes as it is, and no line is a word for the runner", () => {
  const other = "no configuration file provided: not found\n Container unidesk-frontend  Recreated\n";
  expect(said(`${other}@ended deployed\n`)).toBe(`${other} @ended deployed\n`);
  expect(said("")).toBe("");
});
