import type { ComposeTarget } from "../compose/target.ts";
import type { ObservedService } from "../observe/compose.ts";
import { observeHost } from "../observe/host.ts";
import type { StepContext } from "./specs.ts";

/** Looks at one Compose service, with the image of one commit. */
export async function observeTarget(
  artifact: { readonly service: string; readonly commit: string },
  target: ComposeTarget,
  context: StepContext,
): Promise<ObservedService> {
  const { service, commit } = artifact;
  const host = context.connection(target.host);
  const { services } = await observeHost(host, { services: [{ service, target, commit }] });
  const found = services.get(service);
  if (!found) throw new Error(`${target.host}: the look at ${service} gave nothing`);
  return found;
}
