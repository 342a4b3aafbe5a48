import { expect, test } from "vitest";
import { summaryOf } from "../../lib/review/render/summary.ts";
import { reportOf, serviceOf } from "./support.ts";

const down = (service: string, downtimeSeconds: number | null, change = {}) =>
  serviceOf({ service, time: { seconds: 4, downtimeSeconds, samples: 3 }, ...change });
const timeOf = (...services: ReturnType<typeof down>[]) => summaryOf(reportOf({ services })).cost.at(-1);

test.each<[string, Parameters<typeof timeOf>, RegExp]>([
  [
    "the one that is longest down",
    [down("frontend", 1.9), down("mdtodo", 2.5, { runtime: "k3s" })],
    /, mdtodo down about 2.5 s$/,
  ],
  [
    "who may be down for longer",
    [down("frontend", 1.9), down("mdtodo", null)],
    /, frontend down about 1.9 s, mdtodo unknown$/,
  ],
  [
    "how many, where they are many",
    [1, 2, 3].map((at) => down(`s${at}`, null)).concat(down("frontend", 2)),
    /, 3 others unknown$/,
  ],
  ["nothing that nobody knows", [down("frontend", 0), down("mdtodo", null)], /, unknown downtime$/],
  ["that the old ones serve on", [down("mdtodo", 0, { runtime: "k3s" })], /, no downtime$/],
  ["that nothing is interrupted", [down("frontend", null, { interrupts: false })], /, nobody is down$/],
])("the first line names %s", (_, services, text) => expect(timeOf(...services)).toMatch(text));
