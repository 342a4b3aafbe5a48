import { chmodSync } from "node:fs";
import { expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { kubeScript } from "../../lib/kubernetes/kubectl.ts";
import { localHost, rejectionOf, tempFolder, write } from "../support.ts";
import { withoutRoot } from "./as-root.ts";

withoutRoot();

function failing(said: string) {
  const folder = tempFolder();
  const kubectl = write(folder, "kubectl", `#!/bin/bash\ncat "$0.said" >&2\nexit 1\n`);
  write(folder, "kubectl.said", `${said}\n`);
  chmodSync(kubectl, 0o755);
  return rejectionOf(kubeScript(localHost(folder), { host: "d601", kubectl }, "look", "kube get pods"));
}

test.each([
  "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
  "Error from server: etcdserver: leader changed",
  "Error from server: etcdserver: request timed out",
  "Error from server (Timeout): the server was unable to return a response in the time allotted",
  "Error from server (TooManyRequests): the server has received too many requests and has asked us to try again later",
  "Error from server: rpc error: code = Unknown desc = database is locked",
  "Error from server: rpc error: code = Unavailable desc = transport is closing",
])("an API that cannot answer now is an outage: %s", async (said) => {
  expect(await failing(said)).toBeInstanceOf(InfraBlockedError);
});

test.each([
  'Error from server (NotFound): deployments.apps "web" not found',
  'Error from server (Forbidden): pods "web" is forbidden: exceeded quota',
  "Error from server (Conflict): the object has been modified",
])("an answer is none: %s", async (said) => {
  expect(await failing(said)).not.toBeInstanceOf(InfraBlockedError);
});
