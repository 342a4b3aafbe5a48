import { retireCompose } from "./compose.ts";
import { retireK3s } from "./k3s.ts";
import type { Retired, RetireRequest } from "./request.ts";

export type { Retired } from "./request.ts";

/** Stops a service that nothing pins any more; undefined where nothing of it was there. */
export async function retire(request: RetireRequest): Promise<Retired | undefined> {
  const { consumer } = request;
  const { runtime } = consumer;
  return runtime.kind === "compose"
    ? retireCompose({ ...request, consumer: { ...consumer, runtime } })
    : retireK3s({ ...request, consumer: { ...consumer, runtime } });
}
