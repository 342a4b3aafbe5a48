import { expect, test } from "vitest";
import { readK3s } from "../../lib/observe/k3s.ts";
import { parseProbes } from "../../lib/observe/probe.ts";
import { commitA, localHost } from "../support.ts";
import { target } from "../verdicts/k3s-support.ts";

/** What is read where the look at the cluster printed this. */
function seen(printed: string, exitCodes: Readonly<Record<string, number>> = {}) {
  const probes = { "k3s.cluster": printed, "k3s.containerd": "", "k3s.records": "" };
  const lines = Object.entries(probes).map(
    ([name, text]) => `${name} ${exitCodes[name] ?? 0} ${Buffer.from(text).toString("base64") || "-"}`,
  );
  const subject = { service: "frontend", target, commit: commitA };
  const found = readK3s(parseProbes(`${lines.join("\n")}\nend\n`, "d601"), localHost("/home/ubuntu"), [subject]);
  return found.get("unidesk-dev/frontend");
}
const deployment = (commit: string, more = "") =>
  `item {"kind":"Deployment","namespace":"unidesk-dev","name":"frontend-dev","version":"1","generation":1,"selector":["app=frontend-dev",null],"observedGeneration":1,"replicas":1,"paused":false,"unmanaged":["hostAliases",null],"volumes":["data",null],"total":1,"updated":1,"available":1,"refused":"","image":"x","requestedCommit":"${commit}"${more}}\n`;

test("odd texts of others are read, as Go quotes them", () => {
  const { cluster, warning } = seen(`namespace unidesk-dev there\n${deployment('\\x1b\\"\\a')}`) ?? {};
  expect(warning).toBeUndefined();
  expect(cluster?.workloads["frontend-dev"]?.deployment).toMatchObject({
    requestedCommit: '\x1b"\x07',
    selector: ["app=frontend-dev"],
    unmanaged: ["hostAliases"],
    volumes: ["data"],
  });
});

test("an autoscaler is seen where it does something", () => {
  const autoscaled = (scaled: string, replicas = 1) =>
    seen(`${deployment(commitA).replace('"replicas":1', `"replicas":${replicas}`)}${scaled}`)?.cluster?.workloads[
      "frontend-dev"
    ]?.autoscaled;
  expect(autoscaled("scaled unidesk-dev frontend-dev\n")).toBe(true);
  expect(autoscaled("scaled unidesk-dev frontend-dev\n", 0)).toBe(false);
  expect(autoscaled("scaled other frontend-dev\nscaled unidesk-dev other\n")).toBe(false);
});

test("one line that cannot be read makes the cluster unknown, with a warning; the rest of the host is seen", () => {
  const found = seen(deployment('a"b'));
  expect(found?.cluster).toBeUndefined();
  expect(found?.images).toEqual({});
  expect(found?.warning).toMatch(/^the Kubernetes API of d601 gave no answer that can be read: /);
});

test("what was cut off was too slow, what refused was not", () => {
  const slow = seen("namespace unidesk-dev there\n", { "k3s.cluster": 124 });
  expect(slow).toMatchObject({ tooSlow: true, warning: "the Kubernetes API of d601 gave no answer: not within 30 s" });
  expect(seen("", { "k3s.containerd": 124 })?.tooSlow).toBe(true);
  expect(seen("connection refused", { "k3s.cluster": 1 })).not.toHaveProperty("tooSlow");
  expect(seen("")).not.toHaveProperty("tooSlow");
});
