import type { Finding, Policy, ServiceReview } from "../lib/review/policy.ts";

const note = 'add "rollback": "<why>" to the pin in deploy.json';

export const policy: Policy = {
  name: "backward-needs-note",
  describe: "A pin that goes back, or to another line of commits, says why in its rollback note",
  check({ services }) {
    return services
      .filter(({ action, commits }) => action !== "none" && action !== "refused" && !commits.note?.trim())
      .flatMap((service): Finding[] => {
        const found = judge(service);
        return found ? [{ rule: policy.name, subject: `${service.environment}/${service.service}`, ...found }] : [];
      });
  },
};

function judge({ action, host, commits }: ServiceReview): Pick<Finding, "level" | "message" | "allow"> | undefined {
  const { relation, behind, live } = commits;
  if (relation === "backward" || relation === "diverged") {
    return {
      level: "deny",
      message: `the pin is ${relation}: commits that run now are taken away (${behind ?? "an unknown number"})`,
      allow: note,
    };
  }
  // Neither brings another commit to the host.
  if (relation !== "unknown" || action === "adopt" || action === "forget") return undefined;
  const why = live === null ? `nobody could tell which commit runs on ${host}` : "the source repository did not say";
  const look = live === null ? `where ${host} can be looked at` : "where the source repository can be read";
  return {
    level: "warn",
    message: `whether the pin takes away commits that run now is unknown: ${why}`,
    allow: `review ${look}, or ${note}`,
  };
}
