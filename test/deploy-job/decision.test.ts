import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decideFunction } from "../../lib/deploy-job/decision.ts";
import { bash, tempFolder } from "../support.ts";

const script = `${decideFunction}\ndecide "$@"`;

test("the first decision wins, and every later one learns which it was", () => {
  const folder = tempFolder();
  const decide = (word: string, reason: string) => bash(script, [folder, word, reason]).stdout.toString();
  expect(decide("timeout", "nobody came")).toBe("timeout\n");
  expect(decide("confirm", "")).toBe("timeout\n");
  expect(decide("abort", "it's wrong")).toBe("timeout\n");
  expect(readdirSync(folder)).toEqual(["decision"]);
  expect(readFileSync(join(folder, "decision"), "utf8")).toBe("timeout\nnobody came\n");
});

test("of many at once exactly one wins", () => {
  const folder = tempFolder();
  const many = `${decideFunction}\nfor word in a b c d e f g h; do decide "$1" $word "" & done; wait`;
  const told = bash(many, [folder]).stdout.toString().trim().split("\n");
  expect(told).toHaveLength(8);
  expect(new Set(told).size).toBe(1);
  expect(readdirSync(folder)).toEqual(["decision"]);
});

test("fails if the disk is full, and what could not be written wins nothing", () => {
  const folder = tempFolder();
  const full = bash(`${decideFunction}\nsync() { return 1; }\ndecide "$@"`, [folder, "confirm", ""]);
  expect(full).toMatchObject({ exitCode: 1 });
  expect(readdirSync(folder)).toEqual([]);
  expect(bash(script, [folder, "abort", "later"]).stdout.toString()).toBe("abort\n");
});

test("fails if the folder is not there", () => {
  expect(bash(script, [join(tempFolder(), "gone"), "confirm", ""]).exitCode).toBe(1);
});
