import * as z from "zod";
import { expectEqual, type Verdict, verdictOf } from "./verdict.ts";

/** What one request to a service's health path gave. */
export interface HealthReply {
  /** HTTP status, or 0 where nothing answered. */
  readonly status: number;
  readonly body: string;
  /** Why nothing answered. */
  readonly error?: string;
  readonly where: string;
}

const HealthBody = z.object({
  deploy: z.object({ commit: z.string().nullish(), requestedCommit: z.string().nullish() }).nullish(),
});

/** A service is live at a commit when its own health says so: built from it, and asked to be it. */
export function judgeHealth(commit: string, reply: HealthReply): Verdict {
  const { where } = reply;
  if (reply.status === 0) {
    return verdictOf([{ what: "health", expected: "an answer", found: reply.error ?? "no answer", where }]);
  }
  if (reply.status !== 200) return verdictOf([expectEqual("health status", "200", String(reply.status), where)]);
  const body = parseBody(reply.body);
  if (!body) {
    return verdictOf([{ what: "health", expected: "JSON with deploy.commit", found: reply.body.slice(0, 120), where }]);
  }
  return verdictOf([
    expectEqual("deploy.commit", commit, body.deploy?.commit, where),
    expectEqual("deploy.requestedCommit", commit, body.deploy?.requestedCommit, where),
  ]);
}

function parseBody(text: string): z.infer<typeof HealthBody> | undefined {
  try {
    return HealthBody.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
