import { findService, isConsumer } from "../catalog/index.ts";
import { environments } from "../config/values.ts";
import { livePin } from "../pins/live.ts";
import { stackName } from "../stack-names.ts";
import type { ServiceReview, ServiceSide } from "./report.ts";
import type { Synthesized } from "./synthesized.ts";

/** Every side of these services, judged by the one look that saw all pins of the site; pure. */
export function sidesOf(
  { site, pins, observed }: Pick<Synthesized, "site" | "pins" | "observed">,
  services: readonly Pick<ServiceReview, "service">[],
): ServiceSide[] {
  return [...new Set(services.map(({ service }) => service))].flatMap((service) =>
    environments.flatMap((environment): ServiceSide[] => {
      const consumer = findService(service)?.consumers[environment];
      if (!isConsumer(consumer)) return [];
      const pin = pins.find((one) => one.service === service && one.environment === environment);
      const unpinned = { state: consumer.planOnly ? "never-applied" : "unknown", commit: null } as const;
      return [
        {
          ...{ service, environment, host: consumer.runtime.host, stack: stackName(service, environment, consumer) },
          pinned: pin?.commit ?? null,
          live: pin ? { ...livePin(site, pin, observed) } : unpinned,
        },
      ];
    }),
  );
}
