import { expect, test } from "vitest";
import type { ObservedAuthSource, ObservedAuthTarget } from "../../lib/observe/auth.ts";
import { authSyncDrift } from "../../lib/verdicts/auth-sync.ts";

const wanted = {
  source: { host: "main-server", configJson: "/srv/unidesk/config.json" },
  sync: {
    secret: { name: "web-auth", keys: { sessionSecret: "SESSION", passwordHash: "HASH" } },
    configMap: { name: "web-auth", keys: { username: "USER" } },
  },
} as const;
const hmac = "a".repeat(64);
const other = "b".repeat(64);
const secret = { keys: ["HASH", "SESSION"], source: hmac, asWritten: true };
const configMap = { keys: ["USER"], source: hmac, asWritten: true };
const sync = "c".repeat(64);
const good: ObservedAuthTarget = { secret, configMap, pods: `rolled ${sync}`, templates: { "web-dev": sync } };
const source: ObservedAuthSource = { hmac, problem: undefined };

test("nothing is wrong where both ends agree", () => {
  expect(authSyncDrift(wanted, good, source)).toBeUndefined();
});

test("nothing is wrong where the data came before every pod, or no Deployment is there", () => {
  expect(
    authSyncDrift(wanted, { ...good, pods: "rolled none", templates: { "web-dev": "none" } }, source),
  ).toBeUndefined();
  expect(authSyncDrift(wanted, { ...good, templates: {} }, source)).toBeUndefined();
});

test("nothing is said of a source that was not looked at", () => {
  expect(authSyncDrift(wanted, good, undefined)).toBeUndefined();
});

test.each<[string, Partial<ObservedAuthTarget>, Partial<ObservedAuthSource>]>([
  ["Secret web-auth missing", { secret: undefined }, {}],
  ["Secret web-auth was written by no sync", { secret: { ...secret, source: undefined } }, {}],
  ["Secret web-auth edited", { secret: { ...secret, asWritten: false } }, {}],
  ["Secret web-auth has other keys", { secret: { ...secret, keys: ["SESSION"] } }, {}],
  ["ConfigMap web-auth missing", { configMap: undefined }, {}],
  ["ConfigMap web-auth was written by no sync", { configMap: { ...configMap, source: undefined } }, {}],
  ["ConfigMap web-auth edited", { configMap: { ...configMap, asWritten: false } }, {}],
  ["ConfigMap web-auth has other keys", { configMap: { ...configMap, keys: ["USER", "MORE"] } }, {}],
  ["auth of main-server changed", {}, { hmac: other }],
  ["auth of main-server changed", {}, { hmac: undefined }],
  ["auth of main-server changed", { configMap: { ...configMap, source: other } }, {}],
  ["auth of main-server: field username is absent", {}, { hmac: undefined, problem: "field username is absent" }],
  ["pods run with an older auth", { pods: `pending ${sync}` }, {}],
  ["pods run with an older auth", { pods: `pending ${sync}`, templates: {} }, {}],
  ["pods run with an older auth", { pods: "" }, {}],
  // An undo, or an update that wrote the whole template: what the Secret says is no proof of it.
  ["pods run with an older auth", { templates: { "web-dev": other } }, {}],
  ["pods run with an older auth", { templates: { "web-dev": sync, "worker-dev": "none" } }, {}],
  ["pods run with an older auth", { pods: "rolled none" }, {}],
])("%s", (drift, target, seen) => {
  expect(authSyncDrift(wanted, { ...good, ...target }, { ...source, ...seen })).toBe(drift);
});

test("a sync that was cut between the two shows without its source too", () => {
  const cut = { ...good, secret: { ...secret, source: other } };
  expect(authSyncDrift(wanted, cut, undefined)).toBe("ConfigMap web-auth is of another sync");
});

test("a cluster that gives no answer is no drift either: nothing was seen", () => {
  expect(authSyncDrift(wanted, undefined, source)).toBeUndefined();
  expect(authSyncDrift(wanted, undefined, { ...source, problem: "field username is absent" })).toBeUndefined();
});
