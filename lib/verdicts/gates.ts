import * as z from "zod";
import type { GateSpec } from "../catalog/index.ts";
import { judgeAnswer } from "./health-commit.ts";
import { type HealthReply, parseBody } from "./reply.ts";
import { type Reason, type Verdict, verdictOf } from "./verdict.ts";

const JsonObject = z.record(z.string(), z.unknown());

/** What a service's own reply has to say besides its commit. */
export function judgeGate(gate: GateSpec, reply: HealthReply): Verdict {
  const silent = judgeAnswer(reply);
  if (silent) return verdictOf([silent]);
  const body = parseBody(reply.body, JsonObject);
  if (!body) return verdictOf([reason(gate, reply, "", "a JSON object", reply.body.slice(0, 120) || "nothing")]);
  return verdictOf(gate.verdict === "absent" ? judgeAbsent(gate, body, reply) : judgeAllTrue(gate, body, reply));
}

/** What helps against the first gate that was not passed; empty where all were. */
export function gateRemedy(
  { gates }: { readonly gates: readonly GateSpec[] },
  { reasons }: Verdict,
): { readonly remedy?: string } {
  const gate = gates.find(({ path }) => reasons.some(({ what }) => what.startsWith(`gate ${path}`)));
  return gate ? { remedy: gate.remedy } : {};
}

function judgeAbsent(
  gate: Extract<GateSpec, { verdict: "absent" }>,
  body: Readonly<Record<string, unknown>>,
  reply: HealthReply,
): Reason[] {
  return gate.keys.filter((key) => key in body).map((key) => reason(gate, reply, key, "absent", "present"));
}

function judgeAllTrue(
  gate: Extract<GateSpec, { verdict: "all-true" }>,
  body: Readonly<Record<string, unknown>>,
  reply: HealthReply,
): Reason[] {
  const found = JsonObject.safeParse(body[gate.under]).data ?? {};
  return gate.keys
    .filter((key) => found[key] !== true)
    .map((key) => reason(gate, reply, `${gate.under}.${key}`, "true", word(found[key])));
}

/** A value that is no boolean could be anything, a secret among it: its type says enough. */
function word(value: unknown): string {
  if (value === undefined) return "nothing";
  return typeof value === "boolean" || value === null ? String(value) : `a ${typeof value}`;
}

function reason(gate: GateSpec, { where }: HealthReply, key: string, expected: string, found: string): Reason {
  return { what: `gate ${[gate.path, key].filter(Boolean).join(" ")}`, expected, found, where };
}
