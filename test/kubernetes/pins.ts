import { findService, isConsumer, type K3sRuntime } from "../../lib/catalog/index.ts";
import type { Pin } from "../../lib/config/deploy-file.ts";
import type { Commit, Digest } from "../../lib/config/values.ts";

/** A pin of a k3s service in dev; `runtime` changes what the catalog says. */
export function k3sPin(service: string, commit: string, runtime: Partial<K3sRuntime> = {}, digest?: string) {
  const consumer = findService(service)?.consumers.dev;
  if (!isConsumer(consumer) || consumer.runtime.kind !== "k3s") throw new Error(`${service} is not on k3s in dev`);
  const pin: Pin<K3sRuntime> = {
    service,
    environment: "dev",
    commit: commit as Commit,
    ...(digest ? { digest: digest as Digest } : {}),
    consumer: { ...consumer, runtime: { ...consumer.runtime, ...runtime } },
  };
  return pin;
}
