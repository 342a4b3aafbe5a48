import { expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import { adviceOf, type SiteFacts } from "../../lib/observe/site.ts";
import { commitA, hostsJson, siteOfPins } from "../support.ts";
import { deployment, observed } from "../verdicts/k3s-support.ts";

const { d601, ...others } = hostsJson();
const hosts = { ...others, d601: { ...d601, kubernetes: { caCertificate: "BEGIN CERTIFICATE" } } };

function adviceOn(changes: Parameters<typeof deployment>[0], autoscaled = false): string[] {
  const k3s = new Map([["unidesk-dev/frontend", observed({ deployment: deployment(changes), autoscaled })]]);
  const site = siteOfPins({ dev: { frontend: { commit: commitA } } }, { hosts });
  return adviceOf(
    { hosts: { d601: { services: new Map(), k3s } }, warnings: [] } as unknown as SiteFacts,
    loadPins(site),
  );
}

test("nothing is advised of a Deployment as declared", () => {
  expect(adviceOn({})).toEqual([]);
});

test("a Deployment that selects by other labels is named, with what to do", () => {
  expect(adviceOn({ selector: ["app=other"] })).toEqual([
    expect.stringMatching(
      /^frontend on d601: Deployment unidesk-dev\/frontend-dev was left alone: .*\(found app=other, declared app=frontend-dev\); kubectl -n unidesk-dev delete deployment frontend-dev --cascade=orphan/,
    ),
  ]);
});

test("an autoscaler is named", () => {
  expect(adviceOn({}, true)).toEqual([
    "frontend on d601: a HorizontalPodAutoscaler sets the replicas of Deployment unidesk-dev/frontend-dev; an apply leaves them as they are",
  ]);
});

test("what no apply takes away from pods is named, with the command that does", () => {
  expect(adviceOn({ unmanaged: ["initContainers", "hostAliases"] })).toEqual([
    "frontend on d601: the pods of Deployment unidesk-dev/frontend-dev have initContainers, hostAliases, which no apply takes away; " +
      `kubectl -n unidesk-dev patch deployment frontend-dev --type=json -p '[{"op":"remove","path":"/spec/template/spec/initContainers"},{"op":"remove","path":"/spec/template/spec/hostAliases"}]' on its host does, with new pods`,
  ]);
});

test("volumes that nothing declares are named: the diff may show nothing of them", () => {
  expect(adviceOn({ volumes: ["host-root"] })).toEqual([
    expect.stringMatching(
      /^frontend on d601: .*unidesk-dev\/frontend-dev have volumes that nothing here declares: host-root;/,
    ),
  ]);
});
