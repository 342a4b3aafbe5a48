import { type Consumer, deployableServices, findService, isConsumer, placeOf } from "../catalog/index.ts";
import { type Environment, environments } from "../config/values.ts";
import type { JsonSchema } from "./json-schema.ts";

/**
 * Names the services that each environment can have, so that an editor completes them and marks any other: zod
 * knows a record of service ids only, because the exact refusal of a pin comes from the catalog.
 */
export function enumerateServices(schema: JsonSchema): JsonSchema {
  const { environments: pinned } = schema.properties ?? {};
  const pin = pinned?.properties?.[environments[0]]?.additionalProperties;
  if (pinned === undefined || typeof pin !== "object") throw new Error("deploy.json's schema has no record of pins");
  const properties = Object.fromEntries(environments.map((environment) => [environment, pinsOf(environment)]));
  return {
    ...schema,
    properties: { ...schema.properties, environments: { ...pinned, properties } },
    definitions: { ...schema.definitions, pin },
  };
}

function pinsOf(environment: Environment): JsonSchema {
  const properties = Object.fromEntries(
    deployableServices(environment).map((service) => [service, pinOf(service, environment)]),
  );
  return { type: "object", description: `Pins of ${environment}`, properties, additionalProperties: false };
}

/** In `allOf`, because draft 7 ignores what stands beside a `$ref`. */
function pinOf(service: string, environment: Environment): JsonSchema {
  const consumer = findService(service)?.consumers[environment];
  return {
    allOf: [{ $ref: "#/definitions/pin" }],
    ...(isConsumer(consumer) ? { description: describe(consumer) } : {}),
  };
}

function describe({ runtime, supervised, planOnly }: Consumer): string {
  const place = placeOf(runtime);
  if (planOnly) return `${place}; ${planOnly.decision}: ${planOnly.reason}`;
  return supervised ? `${place}; supervised: applied with a person's signed approval only` : place;
}
