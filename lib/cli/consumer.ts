import { type Consumer, catalog, deployableServices, findService, isConsumer } from "../catalog/index.ts";
import type { Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";

/** The consumer that a person named on the command line. */
export function consumerNamed(service: string, environment: Environment): Consumer {
  const entry = findService(service);
  if (!entry) {
    throw new UserError(
      {
        what: "unknown service",
        found: service,
        allowed: catalog()
          .map((candidate) => candidate.service)
          .join(", "),
        remedy: "correct the name",
      },
      exitCodes.usage,
    );
  }
  const consumer = entry.consumers[environment];
  if (isConsumer(consumer)) return consumer;
  throw new UserError(
    {
      what: consumer
        ? `${service} in ${environment} is ${consumer.decision}: ${consumer.reason}`
        : `${service} has no consumer in ${environment}`,
      found: service,
      allowed: deployableServices(environment).join(", ") || "none",
      remedy: "name another service or environment",
    },
    exitCodes.usage,
  );
}
