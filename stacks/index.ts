import type { App } from "cdktf";
import { EnvironmentStack } from "./environment-stack.ts";
import { RegistryStack } from "./registry-stack.ts";
import type { SiteStackProps } from "./site-stack.ts";

/** All stacks of a site. There are no edges between them: the order is the workflow's. */
export function addStacks(app: App, props: SiteStackProps): void {
  new RegistryStack(app, props);
  new EnvironmentStack(app, { ...props, environment: "prod", host: "main-server" });
}
