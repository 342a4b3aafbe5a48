import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseReceipt, receiptPath, writeReceiptFunction } from "../lib/receipts.ts";
import { tempFolder, write } from "./support.ts";

test("a receipt lies under its stack and resource", () => {
  expect(receiptPath({ home: "/home/ubuntu" }, "d601-registry/registry-config")).toBe(
    "/home/ubuntu/.unidesk/receipts/d601-registry/registry-config",
  );
});

describe.each(["sh", "bash"])("written by %s", (shell) => {
  const receipts = (file: string, times: number, spec = "sha256 abc", repair = "2: unit edited") => {
    const script = `set -eu\n${writeReceiptFunction}\nfor i in $(seq "$1"); do write_receipt "$2" "$3" "$4"; done`;
    const { status, stderr } = spawnSync(shell, ["-c", script, "unidesk", String(times), file, spec, repair]);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: "" });
    return parseReceipt(readFileSync(file, "utf8"));
  };

  test("the first is generation 1, and its folder is made", () => {
    const file = join(tempFolder(), "stack", "resource");
    expect(receipts(file, 1)).toEqual({ generation: 1, spec: "sha256 abc", repair: "2: unit edited" });
    expect(readdirSync(join(file, ".."))).toEqual(["resource"]);
  });

  test("an empty repair is kept", () => {
    expect(receipts(join(tempFolder(), "r"), 1, "x", "")).toEqual({ generation: 1, spec: "x", repair: "" });
  });

  // Arithmetic with a leading zero is octal: 08 is no number, and 010 is eight.
  test("every run counts, beyond eight as well", () => {
    expect(receipts(join(tempFolder(), "r"), 12)?.generation).toBe(12);
  });

  test("a receipt that cannot be read is begun again", () => {
    expect(receipts(write(tempFolder(), "r", "generation many\n"), 1)?.generation).toBe(1);
  });
});

describe("parseReceipt", () => {
  test.each([
    ["nothing", ""],
    ["another first line", "version 1\nspec a\nrepair b\n"],
    ["no number", "generation x\nspec a\nrepair b\n"],
    ["a line too few", "generation 1\nspec a\n"],
    ["a line too many", "generation 1\nspec a\nrepair b\nmore\n"],
  ])("is nothing for %s: it proves nothing", (_, text) => expect(parseReceipt(text)).toBeUndefined());

  test("reads a whole one", () => {
    expect(parseReceipt("generation 3\nspec a b\nrepair 2: c\n")).toEqual({
      generation: 3,
      spec: "a b",
      repair: "2: c",
    });
  });
});
