import * as z from "zod";
import {
  type ComposeRuntime,
  type Consumer,
  deployableServices,
  findService,
  isConsumer,
  type K3sRuntime,
  type Runtime,
} from "../catalog/index.ts";
import { exitCodes, UserError } from "../errors.ts";
import { readJsonFile } from "./json-file.ts";
import { Commit, Digest, type Environment, environments, ServiceId } from "./values.ts";

/** One line of printable text: it is shown to reviewers. */
export const RollbackReason = z.string().regex(/^(?=.*\S)[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u, {
  error: "must be 1 to 200 characters on one line that say why this pin goes backward",
});

const PinEntry = z.strictObject({
  commit: Commit.describe("Full Git commit of the service's source repository"),
  digest: Digest.optional().describe("Manifest digest that the commit tag must have in the registry"),
  rollback: RollbackReason.optional().describe("Why this pin goes backward; npx unidesk pin rollback writes it"),
});
export type PinEntry = z.infer<typeof PinEntry>;

const Pins = z.record(ServiceId, PinEntry);

/** `deploy.json`, version 1: what should run where, by full commit. */
export const DeployFile = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1, { error: "must be 1, the only version of this file" }),
  environments: z.strictObject({ prod: Pins.optional(), dev: Pins.optional() }),
});
export type DeployFile = z.infer<typeof DeployFile>;

/** One line of `deploy.json` together with the catalog's consumer for it. */
export interface Pin<R extends Runtime = Runtime> {
  readonly service: string;
  readonly environment: Environment;
  readonly commit: Commit;
  readonly digest?: Digest;
  /** Why it goes backward. @default - it goes forward */
  readonly rollback?: string;
  readonly consumer: Consumer<R>;
}

/** `prod/frontend`: a pin's key, and its name for people. */
export function pinName({ environment, service }: { readonly environment: string; readonly service: string }): string {
  return `${environment}/${service}`;
}

/** A pin of a service that runs by Compose. */
export function isComposePin(pin: Pin): pin is Pin<ComposeRuntime> {
  return pin.consumer.runtime.kind === "compose";
}

/** A pin of a service that runs on k3s. */
export function isK3sPin(pin: Pin): pin is Pin<K3sRuntime> {
  return pin.consumer.runtime.kind === "k3s";
}

/** Reads `deploy.json`; every pin that comes back has a consumer in the catalog. */
export function readPins(file: string, name = "deploy.json"): Pin[] {
  return resolvePins(readJsonFile(file, name, DeployFile), name);
}

export function resolvePins(deployFile: DeployFile, name = "deploy.json"): Pin[] {
  return environments.flatMap((environment) =>
    Object.entries(deployFile.environments[environment] ?? {}).map(([service, { commit, digest, rollback }]) => ({
      service,
      environment,
      commit,
      ...(digest ? { digest } : {}),
      ...(rollback === undefined ? {} : { rollback }),
      consumer: consumerOf(service, environment, name),
    })),
  );
}

function consumerOf(service: string, environment: Environment, name: string): Consumer {
  const path = `environments.${environment}.${service}`;
  const allowed = deployableServices(environment).join(", ") || "none";
  const entry = findService(service);
  if (!entry) {
    throw new UserError(
      {
        what: `${name}: ${path}: unknown service`,
        found: service,
        allowed,
        remedy: `correct the name, or add the service to lib/catalog/services.ts and CI.json`,
      },
      exitCodes.usage,
    );
  }
  const consumer = entry.consumers[environment];
  if (isConsumer(consumer)) return consumer;
  throw new UserError(
    consumer
      ? {
          what: `${name}: ${path}: decision: "${consumer.decision}": ${consumer.reason}`,
          found: service,
          allowed,
          remedy: `remove ${path}`,
        }
      : {
          what: `${name}: ${path}: ${service} has no consumer in ${environment}`,
          found: service,
          allowed,
          remedy: `remove ${path}`,
        },
    exitCodes.usage,
  );
}
