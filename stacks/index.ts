import { join } from "node:path";
import { App } from "cdktf";
import { catalog, isConsumer } from "../lib/catalog/index.ts";
import { environments } from "../lib/config/values.ts";
import type { Synthesized } from "../lib/review/synthesized.ts";
import { stackName } from "../lib/stack-names.ts";
import { PinStack } from "./pin-stack.ts";
import { PlanOnlyStack } from "./plan-only-stack.ts";
import { RegistryStack } from "./registry-stack.ts";
import type { SiteStackProps } from "./site-stack.ts";

/**
 * Writes every stack as Terraform JSON.
 *
 * @param outdir Folder to write to. Default: as the CDKTF CLI asks by CDKTF_OUTDIR.
 */
export function writeStacks(props: SiteStackProps, outdir?: string): Pick<Synthesized, "stacks" | "folder"> {
  const app = new App(outdir === undefined ? {} : { outdir });
  addStacks(app, props);
  app.synth();
  const stacks = app.node.children.filter(({ node }) => node.id !== "").map(({ node }) => node.id);
  return { stacks, folder: join(app.outdir, "stacks") };
}

/** All stacks of a site. There are no edges between them: the order is the workflow's. */
export function addStacks(app: App, props: SiteStackProps): void {
  new RegistryStack(app, props);
  for (const { id, ...stack } of pinStacks()) new PinStack(app, id, { ...props, ...stack });
  new PlanOnlyStack(app, props);
}

/**
 * One stack per environment and host, and one per supervised service. Which there are follows from the catalog
 * alone, so that a stack outlives its last pin and can forget what it had.
 */
export function pinStacks() {
  const consumers = catalog().flatMap(({ service, consumers: byEnvironment }) =>
    environments.flatMap((environment) => {
      const consumer = byEnvironment[environment];
      if (!isConsumer(consumer) || consumer.planOnly) return [];
      const { host } = consumer.runtime;
      return [
        {
          service,
          environment,
          host,
          home: `unidesk-${environment}-${host}`,
          id: stackName(service, environment, consumer),
        },
      ];
    }),
  );
  const ids = [...new Set(consumers.map(({ id }) => id))];
  return ids.flatMap((id) => {
    // A service that is supervised now may have been in its host's stack before.
    const members = consumers.filter((consumer) => consumer.id === id || consumer.home === id);
    const [first] = members;
    if (!first) return [];
    const { host, environment } = first;
    return [{ id, host, environment, services: members.map(({ service }) => service) }];
  });
}
