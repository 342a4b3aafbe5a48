import type { Finding, Policy, ReviewReport, ServiceReview } from "../lib/review/policy.ts";

export const policy: Policy = {
  name: "services-per-host",
  describe: "One apply interrupts only so many running services of one host",
  check(report, settings) {
    const { limit } = settings["services-per-host"];
    const down = report.services.filter(
      ({ interrupts, action }) => interrupts && (action === "deploy" || action === "repair"),
    );
    const open = report.services.filter((service) => !down.includes(service) && mayInterrupt(service, report));
    const hosts = [...new Set([...down, ...open].map(({ host }) => host))].sort();
    return hosts.flatMap((host): Finding[] => {
      const sure = namesOn(host, down);
      const perhaps = namesOn(host, open);
      if (sure.length > limit) {
        return [
          {
            rule: policy.name,
            level: "deny",
            subject: host,
            message: `interrupts ${sure.length} services at once, more than ${limit}: ${sure.join(", ")}`,
            allow: 'change fewer pins at once, or raise context.policies."services-per-host".limit in cdktf.json',
          },
        ];
      }
      if (sure.length + perhaps.length <= limit) return [];
      return [
        {
          rule: policy.name,
          level: "warn",
          subject: host,
          message: `interrupts ${sure.length} services at once; of ${perhaps.length} more that is unknown, so that it may be more than ${limit}: ${perhaps.join(", ")}`,
          allow: `review where ${host} can be looked at and every stack can be planned`,
        },
      ];
    });
  },
};

/** An apply does something about it, and nobody saw what runs, or nobody could plan what is done. */
function mayInterrupt({ service, environment, action }: ServiceReview, { sides }: ReviewReport): boolean {
  if (action === "unknown") return true;
  if (action !== "deploy" && action !== "first-deploy" && action !== "repair") return false;
  return sides.some(
    (side) => side.service === service && side.environment === environment && side.live.state === "unknown",
  );
}

function namesOn(host: string, services: readonly ServiceReview[]): string[] {
  return services.filter((one) => one.host === host).map(({ environment, service }) => `${environment}/${service}`);
}
