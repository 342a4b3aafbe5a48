import * as z from "zod";
import { type HealthReply, parseBody } from "./reply.ts";
import { expectEqual, type Reason, type Verdict, verdictOf } from "./verdict.ts";

/** What a service says of its own commit. */
export const HealthBody = z.object({
  deploy: z.object({ commit: z.string().nullish(), requestedCommit: z.string().nullish() }).nullish(),
});

/** A service is live at a commit when its own health says so: built from it, and asked to be it. */
export function judgeHealth(commit: string, reply: HealthReply): Verdict {
  const { where } = reply;
  const silent = judgeAnswer(reply);
  if (silent) return verdictOf([silent]);
  const body = parseBody(reply.body, HealthBody);
  if (!body) {
    return verdictOf([{ what: "health", expected: "JSON with deploy.commit", found: reply.body.slice(0, 120), where }]);
  }
  return verdictOf([
    expectEqual("deploy.commit", commit, body.deploy?.commit, where),
    expectEqual("deploy.requestedCommit", commit, body.deploy?.requestedCommit, where),
  ]);
}

/** Why a reply is no good answer at all; undefined where it is one. */
export function judgeAnswer({ status, error, where }: HealthReply): Reason | undefined {
  if (status === 0) return { what: "health", expected: "an answer", found: error ?? "no answer", where };
  return expectEqual("health status", "200", String(status), where);
}
