import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseProbes, probeEnd, probePrelude } from "../../lib/observe/probe.ts";
import { bash, commitA, failureOf, tempFolder } from "../support.ts";

/** What a real bash prints for some probes, read back. */
function probes(script: string) {
  const { exitCode, stdout, stderr } = bash(`${probePrelude}\n${script}\n${probeEnd}`);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return parseProbes(stdout.toString(), "d601");
}

describe("a real bash", () => {
  test("a probe is its exit code and its output", () => {
    const seen = probes(`hello() { echo "a b"; }\nprobe greeting hello\nprobe silent true`);
    expect(seen.get("greeting")).toEqual({ exitCode: 0, text: "a b\n" });
    expect(seen.get("silent")).toEqual({ exitCode: 0, text: "" });
  });

  test("a probe that fails says why, and does not hide the others", () => {
    const seen = probes(`bad() { echo out; echo "no such thing" >&2; return 7; }\nprobe bad bad\nprobe after echo ok`);
    expect(seen.get("bad")).toEqual({ exitCode: 7, text: "no such thing\n" });
    expect(seen.get("after")).toEqual({ exitCode: 0, text: "ok\n" });
  });

  test("a probe that fails without a word keeps its output", () => {
    expect(probes("bad() { echo out; return 1; }\nprobe bad bad").get("bad")).toEqual({ exitCode: 1, text: "out\n" });
  });

  test("one probe's error is not the next one's", () => {
    const script = "noisy() { echo noise >&2; return 1; }\nprobe first noisy\nprobe second false";
    expect(probes(script).get("second")).toEqual({ exitCode: 1, text: "" });
  });

  test("a missing command is exit 127", () => {
    expect(probes("probe gone unidesk-no-such-command").get("gone")).toMatchObject({ exitCode: 127 });
  });

  test("lines, NUL bytes and what looks like a probe come through", () => {
    expect(probes(`odd() { printf 'end\\n\\0x 0 -\\n\\377'; }\nprobe odd odd`).get("odd").text).toBe(
      "end\n\0x 0 -\n\ufffd",
    );
  });

  test("output is cut at 4 MiB, and not taken for success", () => {
    const seen = probes("many() { yes unidesk | head -c 6000000; }\nprobe many many\nprobe after echo ok");
    expect(seen.get("many").text).toHaveLength(4 * 1024 * 1024);
    expect(seen.get("many").exitCode).not.toBe(0);
    expect(seen.get("after")).toEqual({ exitCode: 0, text: "ok\n" });
  });

  test("probes that run beside the others are all there, also one that fails", () => {
    const seen = probes(`
slow() { sleep 0.2; echo slow; }
bad() { echo "no such thing" >&2; return 3; }
probe_later slow slow
probe_later bad bad
probe now echo now`);
    expect(seen.get("slow")).toEqual({ exitCode: 0, text: "slow\n" });
    expect(seen.get("bad")).toEqual({ exitCode: 3, text: "no such thing\n" });
    expect(seen.get("now")).toEqual({ exitCode: 0, text: "now\n" });
  });

  test("nothing is left in the host's temporary folder", () => {
    const folder = tempFolder();
    const script = `export TMPDIR=${folder}\n${probePrelude}\nprobe a false\nprobe_later b ls "$TMPDIR"${probeEnd}`;
    const { stdout } = bash(script);
    expect(parseProbes(stdout.toString(), "d601").text("b")).toMatch(/^tmp\./);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("parseProbes", () => {
  const unreadable = (output: string) => failureOf(() => parseProbes(output, "d601")).message;
  const text = (found: string) =>
    [
      "d601: what the host printed cannot be read",
      `  found:   ${found}`,
      "  allowed: one line a probe",
      "  remedy:  look for output from the user's shell start files (.bashrc) on that host",
    ].join("\n");

  test.each([
    ["nothing", ""],
    ["output without its end", "unit 0 YQ==\n"],
    ["output cut within a line", "unit 0 YQ==\napi 0 MjA"],
    ["something after the end", "unit 0 YQ==\nend\ntrailing\n"],
  ])("fails if there is %s", (_, output) => expect(unreadable(output)).toBe(text("the output ends early")));

  test("fails if a probe is there twice", () => {
    expect(unreadable("unit 0 YQ==\nunit 0 Yg==\nend\n")).toBe(text("unit twice"));
  });

  test.each([
    ["a greeting of a start file", "Welcome to d601!\nunit 0 YQ==\nend\n", "Welcome to d601!"],
    ["a prompt before a probe", "user@d601$ unit 0 YQ==\nend\n", "user@d601$ unit 0 YQ=="],
    ["no exit code", "unit YQ==\nend\n", "unit YQ=="],
    ["an exit code that is none", "unit -1 YQ==\nend\n", "unit -1 YQ=="],
    ["no output field", "unit 0\nend\n", "unit 0"],
    ["what is not base64", "unit 0 a*b\nend\n", "unit 0 a*b"],
    ["a second end", "end\nend\n", "end"],
  ])("fails if there is %s", (_, output, found) => expect(unreadable(output)).toBe(text(found)));

  test("a long stray line is shown shortened", () => {
    expect(unreadable(`${"x ".repeat(500)}\nend\n`)).toBe(text("x ".repeat(40)));
  });
});

describe("reading", () => {
  const seen = parseProbes("unit 0 YQ==\ncontainer 1 bm8gc3VjaAo=\nsilent 2 -\nend\n", "d601");

  test("takes what succeeded", () => {
    expect(seen.text("unit")).toBe("a");
    expect(seen.optional("unit")).toBe("a");
  });

  test("what failed is absent where that is allowed", () => expect(seen.optional("container")).toBeUndefined());

  test("fails if a probe failed that must not, and says why", () => {
    expect(failureOf(() => seen.text("container")).message).toBe(
      "d601: looking at container failed (exit 1)\n  found:   no such",
    );
    expect(failureOf(() => seen.text("silent")).message).toBe(
      "d601: looking at silent failed (exit 2)\n  found:   no output",
    );
  });

  test.each(["get", "text", "optional"] as const)("fails if a probe is missing, asked for by %s", (method) => {
    expect(failureOf(() => seen[method]("api")).message).toMatch(
      /^d601: what the host printed cannot be read\n {2}found: {3}probe api is missing\n/,
    );
  });

  const choosing = `${probePrelude}\nsay() { probe "said.$1" echo "$2"; }\neach compose say "$@"${probeEnd}`;

  test("words choose what is looked at", () => {
    const { stdout } = bash(choosing, [`compose/frontend=${commitA}`, "k3s/unidesk/frontend=", "compose/findjob="]);
    const seen = parseProbes(stdout.toString(), "d601");
    expect(seen.text("said.frontend")).toBe(`${commitA}\n`);
    expect(seen.text("said.findjob")).toBe("\n");
    expect(seen.has("said.unidesk/frontend")).toBe(false);
  });

  test.each(["compose/frontend=main", "compose/$(touch x)=", "compose/--format=", "files/etc=", "compose/../x y=", ""])(
    "fails if a word is none of these: %s",
    (word) => {
      const { exitCode, stdout, stderr } = bash(choosing, [word]);
      expect(exitCode).toBe(2);
      expect(stdout.toString()).toBe("");
      expect(stderr).toContain("this look knows no");
    },
  );
});
