import { catalog, findService } from "../catalog/index.ts";
import { findBuild } from "../config/ci-file.ts";
import { checkValue } from "../config/json-file.ts";
import type { Site } from "../config/site.ts";
import { Commit, type Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import type { OpenedPins } from "../pins/file.ts";
import type { PinTarget } from "../pins/plan.ts";
import { expandCommit } from "../source/expand.ts";
import { consumerNamed } from "./consumer.ts";

/** What a person named on the command line. */
export interface Meant {
  readonly service: string | undefined;
  readonly all: boolean;
}

export function meantBy(service: string | undefined, all = false): Meant {
  if ((service === undefined) === all) return { service, all };
  throw new UserError(
    {
      what: service === undefined ? "no service is named" : "a service and --all are both given",
      found: service ?? "neither a service nor --all",
      allowed: "one service, or --all",
      remedy: `services: ${catalog()
        .map((entry) => entry.service)
        .join(", ")}`,
    },
    exitCodes.usage,
  );
}

export function knownService(service: string): string {
  if (findService(service)) return service;
  const allowed = catalog()
    .map((entry) => entry.service)
    .join(", ");
  throw new UserError(
    { what: "unknown service", found: service, allowed, remedy: "correct the name" },
    exitCodes.usage,
  );
}

/** The services that are meant, each with its consumer, its build and the pin that it has. */
export function pinTargets(site: Site, { pins }: OpenedPins, environment: Environment, meant: Meant): PinTarget[] {
  // The catalog knows no upstream image; CI.json says what that is.
  const upstream = site.ci.artifacts.find(({ kind, serviceId }) => kind !== "build" && serviceId === meant.service);
  if (upstream) findBuild(site.ci, upstream.serviceId);
  const pinned = pins.filter((pin) => pin.environment === environment);
  const services = meant.service === undefined ? pinned.map(({ service }) => service) : [meant.service];
  return services.map((service) => ({
    service,
    environment,
    consumer: consumerNamed(service, environment),
    build: findBuild(site.ci, service),
    current: pinned.find((pin) => pin.service === service),
  }));
}

/** A whole commit; a short one is refused, with the whole one as the remedy where d601 knows just one. */
export async function commitArgument(site: Site, targets: readonly PinTarget[], text: string): Promise<Commit> {
  const repositories = [...new Set(targets.map(({ build }) => build.sourceRepo))];
  if (!/^[0-9a-f]{4,39}$/.test(text) || repositories.length === 0) return checkValue(text, "--commit", Commit);
  const found = await Promise.all(repositories.map((repository) => expandCommit(site, repository, text)));
  const [commit, second] = found.filter((one) => one !== undefined);
  throw new UserError(
    {
      what: "--commit is a short commit: it may name another one tomorrow",
      found: text,
      allowed: "40 lowercase hex digits",
      remedy: commit && !second ? `--commit ${commit}` : "git rev-parse <branch>",
    },
    exitCodes.usage,
  );
}
