import { expect, test } from "vitest";
import { hostNames } from "../../lib/config/hosts.ts";
import { hostsToHold } from "../../lib/review/apply-hosts.ts";
import { hostOfStack } from "../../lib/stack-names.ts";
import { pinStacks } from "../../stacks/index.ts";
import { reportOf, serviceOf, stackOf } from "./support.ts";

const hosts = (stacks: readonly string[], report?: Parameters<typeof hostsToHold>[2]) =>
  hostsToHold(stacks, hostNames, report);

test("the host of every stack is known, and none of what is never applied", () => {
  expect(pinStacks().map(({ id }) => hostOfStack(id))).toEqual(pinStacks().map(({ host }) => host));
  expect(hostOfStack("d601-registry")).toBe("d601");
  expect(hostOfStack("unidesk-plan-only")).toBeUndefined();
  expect(hostOfStack("unidesk-dev-elsewhere")).toBeUndefined();
});

test("a stack of one host holds that host alone", () => {
  expect(hosts(["unidesk-dev-d601"])).toEqual(["d601"]);
  expect(hosts(["unidesk-plan-only"])).toEqual([]);
});

test("whoever may pull holds the registry's host too", () => {
  const report = (missingLayers: number | null) =>
    reportOf({ services: [serviceOf({ service: "frontend", transfer: { missingLayers } })] });
  const stack = "unidesk-prod-main-server";
  expect(hosts([stack])).toEqual(["d601", "main-server"]);
  expect(hosts([stack], report(1))).toEqual(["d601", "main-server"]);
  expect(hosts([stack], report(null))).toEqual(["d601", "main-server"]);
  expect(hosts([stack], report(0))).toEqual(["main-server"]);
});

test("without names it is what was reviewed, and every host where this machine does not know", () => {
  const report = reportOf({ services: [], stacks: ["unidesk-plan-only", "unidesk-dev-d601"].map(stackOf) });
  expect(hosts([], report)).toEqual(["d601"]);
  expect(hosts([])).toEqual(["d601", "main-server"]);
});
