import type { ComposeTarget } from "../compose/target.ts";
import type { ObservedService } from "../observe/compose.ts";
import { observeHost } from "../observe/host.ts";
import type { StepContext } from "./specs.ts";

/**
 * Looks at one Compose service, with the image of one commit.
 *
 * @param seconds How long it may take. Default: as long as any look.
 */
export async function observeTarget(
  artifact: { readonly service: string; readonly commit: string },
  target: ComposeTarget,
  context: StepContext,
  seconds?: number,
): Promise<ObservedService> {
  const { service, commit } = artifact;
  const host = context.connection(target.host);
  const subject = { services: [{ service, target, commit }] };
  const { services } = await observeHost(host, subject, subject, seconds);
  const found = services.get(service);
  if (!found) throw new Error(`${target.host}: the look at ${service} gave nothing`);
  return found;
}
