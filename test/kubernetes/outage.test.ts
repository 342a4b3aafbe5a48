import { expect, test } from "vitest";
import { Outage } from "../../lib/kubernetes/outage.ts";
import type { ObservedK3s } from "../../lib/observe/k3s.ts";

/** A look at Services with so many ready endpoints each; null is a look that the cluster did not answer. */
function lookAt(endpoints: readonly (number | undefined)[] | null): ObservedK3s {
  if (!endpoints) return { images: undefined, cluster: undefined };
  const workloads = endpoints.map((readyEndpoints, index) => [
    `workload-${index}`,
    {
      deployment: undefined,
      pods: [],
      service: readyEndpoints === undefined ? undefined : { version: "1", ports: [80], readyEndpoints },
      health: { status: 0, body: "", where: "x" },
    },
  ]);
  return { images: {}, cluster: { namespace: true, workloads: Object.fromEntries(workloads) } };
}

/** Looks that are a second apart. */
function secondsOf(...looks: (readonly (number | undefined)[] | null)[]): number | undefined {
  const outage = new Outage();
  for (const [index, endpoints] of looks.entries()) outage.seen(lookAt(endpoints), index * 1000);
  return outage.seconds;
}

test.each<[string, (readonly (number | undefined)[] | null)[], number | undefined]>([
  ["an endpoint at every look", [[1], [2], [1]], 0],
  ["none for two looks", [[1], [0], [0], [1]], 2],
  ["none twice", [[0], [1], [0], [1]], 2],
  [
    "one of several Services without",
    [
      [1, 1],
      [1, 0],
      [1, 1],
    ],
    1,
  ],
  ["a Service that is gone", [[1], [undefined], [1]], 1],
  ["a look without an answer ends nothing", [[0], null, [1]], 2],
  ["a look without an answer begins nothing", [[1], null, [1]], 0],
  ["no look at all", [], 0],
  ["still none at the end", [[1], [0]], undefined],
])("%s", (_, looks, seconds) => expect(secondsOf(...looks)).toBe(seconds));
