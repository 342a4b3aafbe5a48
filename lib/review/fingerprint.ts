import { createHash } from "node:crypto";
import { type Pin, pinName } from "../config/deploy-file.ts";
import { withoutOrigin } from "../repair.ts";
import { stackName } from "../stack-names.ts";
import type { PlannedChange } from "./changes.ts";

/** What a fingerprint is of, in its order. */
export const fingerprintParts = ["pins", "code", "facts", "plans"] as const;
export type FingerprintPart = (typeof fingerprintParts)[number];

/** Each part as lines that a person can compare. */
export type FingerprintInput = Readonly<Record<FingerprintPart, readonly string[]>>;

const totalLength = 64;
const hintLength = 16;
const pattern = new RegExp(`^[0-9a-f]{${totalLength + hintLength * fingerprintParts.length}}$`);

/**
 * 128 hex digits: SHA-256 over all parts, which alone decides, then the beginning of each part's own hash, so
 * that somebody who has nothing but a fingerprint can be told which part differs.
 */
export function fingerprintOf(input: FingerprintInput): string {
  const hashes = fingerprintParts.map((part) => hash(JSON.stringify(input[part])));
  return hash(hashes.join(" ")) + hashes.map((one) => one.slice(0, hintLength)).join("");
}

export function isFingerprint(text: string): boolean {
  return pattern.test(text);
}

/** Which parts two fingerprints say to be different. */
export function differingParts(one: string, other: string): FingerprintPart[] {
  return fingerprintParts.filter((_, index) => {
    const from = totalLength + index * hintLength;
    return one.slice(from, from + hintLength) !== other.slice(from, from + hintLength);
  });
}

/**
 * What is said of these stacks, in the same order. All lines but the code's begin with the name of their stack, so that
 * one stack can be applied after another one of the same review was.
 */
export function partsOf(input: FingerprintInput, stacks: readonly string[]): FingerprintInput {
  const wanted = new Set(stacks);
  const isWanted = (line: string) => wanted.has(line.slice(0, line.indexOf(" ")));
  return {
    pins: input.pins.filter(isWanted),
    code: input.code,
    facts: input.facts.filter(isWanted),
    plans: input.plans.filter(isWanted),
  };
}

export function pinLines(pins: readonly Pin[]): string[] {
  return pins
    .map(({ commit, digest, rollback, ...pin }) => {
      const value = [commit, digest ?? "-", ...(rollback === undefined ? [] : [rollback])].join(" ");
      return `${stackName(pin.service, pin.environment, pin.consumer)} ${pinName(pin)}: ${value}`;
    })
    .sort();
}

/**
 * Where a value is made only by the apply, that it is made is what counts; of a sensitive one, that it changes; of a
 * repair, only the reason.
 */
export function planLines(stack: string, changes: readonly PlannedChange[]): string[] {
  return changes
    .map(
      ({ change: { address, action, fields }, sha256 }) =>
        `${stack} ${address}: ${action} ${sha256} ${withoutOrigin(JSON.stringify(fields))}`,
    )
    .sort();
}

/**
 * What is different between two lists of `<key>: <value>` lines: `key: before → after`, at most `most` of them. A key that
 * is on one side alone says `none` on the other.
 */
export function lineDifferences(before: readonly string[], after: readonly string[], most = 10): string[] {
  const [old, now] = [keyed(before), keyed(after)];
  const keys = [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key));
  const all = keys.map((key) => `${key}: ${short(old.get(key))} → ${short(now.get(key))}`);
  return all.length > most ? [...all.slice(0, most), `… and ${all.length - most} more`] : all;
}

function keyed(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(": ");
      return at < 0 ? [line, "there"] : [line.slice(0, at), line.slice(at + 2)];
    }),
  );
}

function short(value: string | undefined): string {
  if (value === undefined) return "none";
  return value.length > 90 ? `${value.slice(0, 89)}…` : value;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
