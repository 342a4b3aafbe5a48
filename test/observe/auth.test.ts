import { expect, test } from "vitest";
import type { AuthSyncSpec } from "../../lib/kubernetes/target.ts";
import { readAuth } from "../../lib/observe/auth.ts";
import { parseProbes } from "../../lib/observe/probe.ts";
import { clusterWarnings } from "../../lib/observe/site.ts";

const spec: AuthSyncSpec = {
  host: "d601",
  kubectl: "k3s kubectl",
  source: { host: "main-server", configJson: "/srv/unidesk/config.json" },
  namespace: "unidesk-dev",
  sync: { secret: { name: "web-auth", keys: { a: "A" } }, configMap: { name: "web-auth", keys: { b: "B" } } },
  deployments: ["web-dev"],
};
const sync = "c".repeat(64);

function lookAtTarget(exitCode: number, text: string) {
  const line = `auth.target.unidesk-dev:web-auth ${exitCode} ${Buffer.from(text).toString("base64")}`;
  return readAuth(parseProbes(`${line}\nend\n`, "d601"), "d601", [spec]);
}

test("what the Secret and the pod templates say is read apart", () => {
  const text = `Secret there\nSecret key A\npods rolled ${sync}\ntemplate web-dev none\n`;
  const found = lookAtTarget(0, text).get("unidesk-dev/web-auth");
  expect(found?.target).toMatchObject({
    secret: { keys: ["A"], source: undefined, asWritten: false },
    configMap: undefined,
    pods: `rolled ${sync}`,
    templates: { "web-dev": "none" },
  });
  expect(found).not.toHaveProperty("warning");
});

test("a look without an answer is a warning and nothing else", () => {
  const auth = lookAtTarget(1, "connection refused");
  expect(auth.get("unidesk-dev/web-auth")).not.toHaveProperty("target");
  expect(clusterWarnings({ k3s: new Map(), auth })).toEqual([
    "the cluster of d601 gave no answer about Secret unidesk-dev/web-auth; whether its auth is the newest was not looked at",
  ]);
});
