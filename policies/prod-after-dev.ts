import type { Finding, Policy, ReviewReport, ServiceReview, ServiceSide } from "../lib/review/policy.ts";

type Judgement = Pick<Finding, "level" | "message" | "allow">;

/**
 * Judges by what was seen of dev, whether or not dev's stack is in this review. A pin that goes back with a note is let
 * through: what ran in prod before is the way out of trouble, and dev has moved on by then.
 */
export const policy: Policy = {
  name: "prod-after-dev",
  describe: "What goes to prod runs in dev already, where the service has a dev side",
  check(report) {
    return report.services.filter(goesToProd).flatMap((prod) => {
      const dev = report.sides.find(({ service, environment }) => service === prod.service && environment === "dev");
      const found = dev && judge(prod, dev, report);
      return found ? [{ rule: policy.name, subject: `prod/${prod.service}`, ...found }] : [];
    });
  },
};

/** Also where its stack could not be planned: the pin says what an apply would bring. */
function goesToProd({ environment, action, commits, digest }: ServiceReview): boolean {
  const sameImage = digest.pinned === null || digest.live === null || digest.pinned === digest.live;
  if (environment !== "prod" || (commits.relation === "same" && sameImage)) return false;
  if (commits.relation === "backward" && commits.note?.trim()) return false;
  return action === "deploy" || action === "first-deploy" || action === "unknown";
}

function judge({ commits }: ServiceReview, dev: ServiceSide, report: ReviewReport): Judgement | undefined {
  const { state, commit } = dev.live;
  const same = commit !== null && commit === commits.pinned;
  if (state === "never-applied" || (same && state === "healthy")) return undefined;
  const pins = `pins ${commits.pinned?.slice(0, 7) ?? "an unknown commit"}`;
  if (dev.pinned === null) return judgeUnpinned(pins, dev, report);
  if (state === "unknown" || commits.pinned === null) {
    return {
      // Without any look nothing is applied either: the apply looks, and judges again.
      level: report.offline === null ? "deny" : "warn",
      message: `${pins}, while what dev runs is unknown: nobody could look at it on ${dev.host}`,
      allow: `review where ${dev.host} can be looked at`,
    };
  }
  if (same && state === "unhealthy") {
    return {
      level: "deny",
      message: `${pins}, which dev runs and which is not healthy there`,
      allow: `mend it in dev (npx unidesk review ${dev.stack} says what is wrong), then review prod again`,
    };
  }
  const runs = commit ? commit.slice(0, 7) : state === "absent" ? "nothing of it" : "no one commit of it";
  if (commits.relation === "unknown" && commits.note?.trim()) {
    return {
      level: "warn",
      message: `${pins}, while dev runs ${runs}; its note says why it goes back, and whether it does is unknown`,
      allow: "review where what runs in prod and the source repository can be looked at",
    };
  }
  return {
    level: "deny",
    message: `${pins}, while dev runs ${runs}`,
    allow: `deploy ${commits.pinned.slice(0, 7)} to dev first, then review prod again`,
  };
}

/** Nobody looks at what is not pinned; dev's own plan says whether it was until now. */
function judgeUnpinned(pins: string, dev: ServiceSide, { services, stacks }: ReviewReport): Judgement | undefined {
  const forgotten = services.some(
    ({ service, environment, action }) => service === dev.service && environment === "dev" && action === "forget",
  );
  if (forgotten) {
    return {
      level: "deny",
      message: `${pins}, while its dev pin is taken out, so that nobody looks at what dev runs`,
      allow: "keep the dev pin until prod is applied",
    };
  }
  const stack = stacks.find(({ name }) => name === dev.stack);
  if (stack && stack.action !== "error") {
    return {
      level: "warn",
      message: `${pins}; dev has a consumer of it and no pin, so that it was never tried there`,
      allow: `npx unidesk pin set ${dev.service} --env dev --commit <commit>, deploy that to dev, then review prod again; or add "prod-after-dev" to context.policies.disabled in cdktf.json`,
    };
  }
  return {
    level: "warn",
    message: `${pins}; dev has no pin of it, and whether it had one is unknown: ${dev.stack} was not ${stack ? "planned" : "reviewed"}`,
    allow: stack ? `mend what ${dev.stack} cannot be planned for` : `review ${dev.stack} too`,
  };
}
