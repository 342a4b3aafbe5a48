import { beforeAll, describe, expect, test } from "vitest";
import { PolicySettings } from "../../lib/config/policies.ts";
import { Digest } from "../../lib/config/values.ts";
import { loadPolicies } from "../../lib/review/load-policies.ts";
import { type Policy, runPolicies } from "../../lib/review/policy.ts";
import type { ReviewReport, ServiceReview, ServiceSide } from "../../lib/review/report.ts";
import { checkout } from "../checkout.ts";
import { digestA, digestB, tempFolder, write } from "../support.ts";
import { commit, reportOf, serviceOf, sideOf, stillOf } from "./support.ts";

let policies: Policy[];
beforeAll(async () => {
  policies = await loadPolicies(checkout);
});

const settings = (value: object = {}) => PolicySettings.parse(value);
const deniedBy = (services: ServiceReview[], value?: object) => rulesOf(reportOf({ services }), value);
const rulesOf = (report: ReviewReport, value?: object) =>
  runPolicies(report, policies, settings(value)).map(({ rule, level, subject }) => `${level} ${rule} ${subject}`);

const policyName = "prod-after-dev";
const unplanned = (name: string) => ({ name, action: "error" as const, error: "no", unchanged: 0, changes: [] });

test("every file of policies/ is one, in the order of their names", () => {
  const names = ["backward-needs-note", "no-registry-destroy", "prod-after-dev", "services-per-host"];
  expect(policies.map(({ name }) => name)).toEqual(names);
});

test("an ordinary change is let through", () => {
  expect(deniedBy([serviceOf({ service: "frontend" }), stillOf("pipeline")])).toEqual([]);
});

describe("no-registry-destroy", () => {
  const change = { address: "null_resource.config", meaning: "writes config.yml", fields: [] };
  const stack = (changes: ReviewReport["stacks"][0]["changes"], name = "d601-registry") =>
    rulesOf(reportOf({ stacks: [{ name, action: "change", error: null, unchanged: 0, changes }] }));

  test.each(["delete", "replace", "forget"] as const)("fails if something of the registry is to %s", (action) => {
    expect(stack([{ ...change, action }])).toEqual(["deny no-registry-destroy d601-registry"]);
  });
  test("fails if the storage's folder changes, in any stack", () => {
    const fields = [{ path: "triggers.content", before: "/home/ubuntu/.unidesk/registry-storage", after: "/tmp/x" }];
    expect(stack([{ ...change, action: "update", fields }], "unidesk-prod-d601")).toHaveLength(1);
    expect(
      stack([{ ...change, action: "run", meaning: "cleans /home/ubuntu/.unidesk/registry-storage" }]),
    ).toHaveLength(1);
  });
  test("the registry may be installed; fails if something else names its storage for the first time", () => {
    const fields = [{ path: "triggers.content", before: null, after: "rootdirectory: /var/lib/registry" }];
    expect(stack([{ ...change, action: "run", fields }])).toEqual([]);
    expect(stack([{ ...change, action: "create", fields }], "unidesk-prod-d601")).toHaveLength(1);
  });
  test("a file that names the storage before and after may change", () => {
    const text = (port: number) => `/home/ubuntu/.unidesk/registry-storage ${port}`;
    expect(
      stack([{ ...change, action: "update", fields: [{ path: "triggers.content", before: text(1), after: text(2) }] }]),
    ).toEqual([]);
  });
});

test("fails if a stack that cannot be planned passes no-registry-destroy in silence", () => {
  expect(rulesOf(reportOf({ stacks: [unplanned("d601-registry")], services: [] }))).toEqual([
    "warn no-registry-destroy d601-registry",
  ]);
});

describe("backward-needs-note", () => {
  test.each(["backward", "diverged"] as const)("fails if a %s pin has no note", (relation) => {
    for (const note of [null, " "]) {
      const service = serviceOf({ service: "frontend", commits: { relation, note } });
      expect(deniedBy([service])).toEqual(["deny backward-needs-note prod/frontend"]);
    }
  });
  test("a note lets it through", () => {
    expect(
      deniedBy([serviceOf({ service: "frontend", commits: { relation: "backward", note: "loses tasks" } })]),
    ).toEqual([]);
  });
});

describe("backward-needs-note, where the relation is unknown", () => {
  const unknown = (action: ServiceReview["action"], commits: Partial<ServiceReview["commits"]> = {}) =>
    serviceOf({ service: "findjob", action, commits: { relation: "unknown", ...commits } });
  const of = (service: ServiceReview) =>
    runPolicies(reportOf({ services: [service] }), policies, settings()).filter(
      ({ rule }) => rule === "backward-needs-note",
    );

  test.each(["deploy", "first-deploy", "repair", "unknown"] as const)("fails if it passes %s in silence", (action) => {
    expect(of(unknown(action))).toMatchObject([{ level: "warn", subject: "prod/findjob" }]);
  });
  test("says what is unknown and how to know", () => {
    const [unread] = of(unknown("deploy"));
    expect(unread?.message).toContain("is unknown: the source repository did not say");
    expect(unread?.allow).toContain("review where the source repository can be read");
    const [unseen] = of(unknown("deploy", { live: null }));
    expect(unseen?.message).toContain("is unknown: nobody could tell which commit runs on main-server");
    expect(unseen?.allow).toContain("review where main-server can be looked at");
  });
  test("fails if a pin that goes back passes because its stack could not be planned", () => {
    expect(of(unknown("unknown", { relation: "backward" }))).toMatchObject([{ level: "deny" }]);
  });
  test("a note, and what changes nothing on a host, need no answer", () => {
    expect(of(unknown("deploy", { note: "loses tasks" }))).toEqual([]);
    for (const action of ["none", "refused", "adopt", "forget"] as const) expect(of(unknown(action))).toEqual([]);
  });
});

describe("services-per-host", () => {
  const six = Array.from({ length: 6 }, (_, index) => serviceOf({ service: `service-${index}` }));
  const unseen = (action: ServiceReview["action"], count: number) => {
    const services = six.slice(0, count).map((one) => ({ ...one, action, interrupts: false }));
    const live = { state: "unknown", commit: null } as const;
    return rulesOf(reportOf({ services, sides: services.map((one) => sideOf(one, { live })) }));
  };

  test.each(["repair", "first-deploy", "deploy"] as const)("fails if it passes %s of unseen services", (action) => {
    expect(unseen(action, 6)).toEqual(["warn services-per-host main-server"]);
    expect(unseen(action, 5)).toEqual([]);
  });
  test("fails if it passes services of a stack that could not be planned", () => {
    const services = six.map((one) => ({ ...one, action: "unknown" as const, interrupts: false }));
    const [finding] = runPolicies(reportOf({ services }), policies, settings());
    expect(finding).toMatchObject({ rule: "services-per-host", level: "warn" });
    expect(finding?.message).toContain("interrupts 0 services at once; of 6 more that is unknown");
  });
  test("fails if what is sure and what is unknown are not counted together", () => {
    const open = { action: "unknown" as const, interrupts: false };
    const services = six.map((one, index) => (index < 3 ? one : { ...one, ...open }));
    expect(deniedBy(services)).toEqual(["warn services-per-host main-server"]);
    expect(deniedBy(services, { "services-per-host": { limit: 2 } })).toEqual(["deny services-per-host main-server"]);
  });
  test("what was seen and interrupts nobody does not count, and an apply that leaves it alone neither", () => {
    expect(deniedBy(six.map((one) => ({ ...one, action: "repair", interrupts: false })))).toEqual([]);
    expect(unseen("none", 6)).toEqual([]);
    expect(unseen("adopt", 6)).toEqual([]);
  });

  test("fails if more are interrupted than the limit", () => {
    expect(deniedBy(six)).toEqual(["deny services-per-host main-server"]);
    expect(deniedBy(six.slice(0, 2), { "services-per-host": { limit: 1 } })).toHaveLength(1);
  });
  test("first deploys interrupt nobody, and each host counts for itself", () => {
    expect(deniedBy(six.map((one) => ({ ...one, action: "first-deploy" })))).toEqual([]);
    expect(deniedBy(six.map((one, index) => ({ ...one, host: index < 3 ? "d601" : "main-server" })))).toEqual([]);
  });
});

describe("prod-after-dev", () => {
  const prod = serviceOf({ service: "mdtodo" });
  const dev = (live: ServiceReview["commits"]["live"], change = {}) =>
    stillOf("mdtodo", { environment: "dev", commits: { live }, ...change });

  test("fails if dev runs another commit", () => {
    expect(deniedBy([prod, dev(commit("a"))])).toEqual(["deny prod-after-dev prod/mdtodo"]);
  });
  test.each([
    ["denied where the hosts were looked at", null, "deny"],
    ["said where they were not: no apply follows from that alone", "offline", "warn"],
  ])("what dev runs is unknown: %s", (_, offline, level) => {
    const [finding] = runPolicies(reportOf({ offline, services: [prod, dev(null)] }), policies, settings());
    expect(finding).toMatchObject({
      ...{ level, rule: "prod-after-dev", allow: "review where main-server can be looked at" },
      message: "pins bbbbbbb, while what dev runs is unknown: nobody could look at it on main-server",
    });
  });
  test("fails if neither commit is known", () => {
    const service = serviceOf({ service: "mdtodo", commits: { pinned: null, relation: "unknown" } });
    expect(deniedBy([service, dev(null)])).toContain("deny prod-after-dev prod/mdtodo");
  });
  test("fails if nothing of it runs in dev", () => {
    const [finding] = findings([prod], [side({ live: { state: "absent", commit: null } })]);
    expect(finding).toMatchObject({ level: "deny", message: "pins bbbbbbb, while dev runs nothing of it" });
  });
  test("fails if dev runs the commit and it is not healthy there", () => {
    const [finding] = findings([prod], [side({ live: { state: "unhealthy", commit: commit("b") } })]);
    expect(finding).toMatchObject({
      level: "deny",
      message: "pins bbbbbbb, which dev runs and which is not healthy there",
    });
    expect(findings([prod], [side({ live: { state: "healthy", commit: commit("b") } })])).toEqual([]);
  });
  test("fails if dev runs several commits", () => {
    const [finding] = findings([prod], [side({ live: { state: "mixed", commit: null } })]);
    expect(finding).toMatchObject({ level: "deny", message: "pins bbbbbbb, while dev runs no one commit of it" });
  });
  test("fails if another image of the commit that runs goes to prod untried", () => {
    const again = (digest: ServiceReview["digest"]) => ({
      ...prod,
      commits: { ...prod.commits, live: commit("b"), relation: "same" as const },
      digest,
    });
    const [one, other] = [Digest.parse(digestA), Digest.parse(digestB)];
    const old = dev(commit("a"));
    expect(deniedBy([again({ live: one, pinned: other, registry: other }), old])).toEqual([
      "deny prod-after-dev prod/mdtodo",
    ]);
    expect(deniedBy([again({ live: one, pinned: one, registry: one }), old])).toEqual([]);
  });
  test("the same commit, a dev side that is only planned, and a repair are let through", () => {
    expect(deniedBy([prod, dev(commit("b"))])).toEqual([]);
    expect(deniedBy([prod, dev(null, { action: "refused" })])).toEqual([]);
    expect(deniedBy([{ ...prod, action: "repair" }, dev(commit("a"))])).toEqual([]);
  });
  test("a way back with a note does not wait for dev", () => {
    const back = serviceOf({ service: "mdtodo", commits: { relation: "backward", note: "loses tasks" } });
    expect(deniedBy([back, dev(commit("c"))])).toEqual([]);
  });
  test("fails if a note alone passes in silence: whether it goes back is unknown", () => {
    const back = serviceOf({ service: "mdtodo", commits: { relation: "unknown", note: "loses tasks" } });
    expect(deniedBy([back, dev(commit("c"))])).toEqual(["warn prod-after-dev prod/mdtodo"]);
  });

  const side = (change: Partial<ServiceSide> = {}) => sideOf(dev(commit("a")), change);
  const findings = (services: ServiceReview[], others: ServiceSide[], stacks: ReviewReport["stacks"] = []) => {
    const sides = [...services.map((one) => sideOf(one)), ...others];
    return runPolicies(reportOf({ services, sides, stacks }), policies, settings()).filter(
      ({ rule }) => rule === policyName,
    );
  };

  describe("where dev's stack is not in the review", () => {
    test("fails if dev runs another commit", () => {
      const message = "pins bbbbbbb, while dev runs aaaaaaa";
      expect(findings([prod], [side()])).toMatchObject([{ level: "deny", message }]);
    });
    test("the same commit is let through", () => {
      expect(findings([prod], [side({ live: { state: "healthy", commit: commit("b") } })])).toEqual([]);
    });
    test("fails if nobody could look at dev", () => {
      expect(findings([prod], [side({ live: { state: "unknown", commit: null } })])).toMatchObject([{ level: "deny" }]);
    });
    test("a service without a dev side, or with one that is never applied, is let through", () => {
      expect(findings([prod], [])).toEqual([]);
      expect(findings([prod], [side({ pinned: null, live: { state: "never-applied", commit: null } })])).toEqual([]);
    });
  });

  describe("where deploy.json has no dev pin", () => {
    const unpinned = side({ pinned: null, live: { state: "unknown", commit: null } });
    const stack = { name: unpinned.stack, action: "none" as const, error: null, unchanged: 3, changes: [] };

    test("fails if the same change takes it out", () => {
      const forgotten = stillOf("mdtodo", { environment: "dev", action: "forget", commits: { pinned: null } });
      const report = reportOf({ services: [prod, forgotten], sides: [sideOf(prod), unpinned], stacks: [stack] });
      const [finding] = runPolicies(report, policies, settings());
      expect(finding).toMatchObject({ level: "deny", rule: policyName });
      expect(finding?.message).toContain("its dev pin is taken out");
    });
    test("fails if nobody planned dev's stack, and it passes in silence", () => {
      const [unnamed] = findings([prod], [unpinned]);
      expect(unnamed).toMatchObject({ level: "warn", allow: "review unidesk-dev-main-server too" });
      expect(unnamed?.message).toContain("unidesk-dev-main-server was not reviewed");
      const [failed] = findings([prod], [unpinned], [unplanned(unpinned.stack)]);
      expect(failed).toMatchObject({ level: "warn" });
      expect(failed?.message).toContain("was not planned");
    });
    test("fails if a consumer that dev never had a pin of passes in silence", () => {
      const [finding] = findings([prod], [unpinned], [stack]);
      expect(finding).toMatchObject({ level: "warn", rule: policyName });
      expect(finding?.message).toContain("dev has a consumer of it and no pin");
      expect(finding?.allow).toContain("npx unidesk pin set mdtodo --env dev --commit");
      expect(finding?.allow).toContain('"prod-after-dev" to context.policies.disabled');
    });
  });

  test("fails if a stack that could not be planned hides what its pins would bring", () => {
    const open = { ...prod, action: "unknown" as const, interrupts: false };
    expect(findings([open], [side()])).toMatchObject([{ level: "deny" }]);
    expect(findings([open], [side({ live: { state: "healthy", commit: commit("b") } })])).toEqual([]);
  });
});

describe("a policy that does not work denies", () => {
  const bad = (check: () => unknown): Policy => ({ name: "mine", describe: "x", check: check as Policy["check"] });
  const run = (check: () => unknown) => runPolicies(reportOf(), [bad(check)], settings());

  test("fails if it crashes", () => {
    const [finding] = run(() => {
      throw new Error("no such field");
    });
    expect(finding).toMatchObject({ rule: "mine", level: "deny", message: "it crashed: no such field" });
  });
  test.each([undefined, Promise.resolve([]), [{ level: "deny" }]])("fails if it returns %s", (value) => {
    expect(run(() => value)).toMatchObject([{ rule: "mine", level: "deny" }]);
  });
  test("and one cannot change the report for the next", () => {
    const clears: Policy = { name: "a", describe: "x", check: ({ services }) => services.splice(0).flatMap(() => []) };
    const services = [serviceOf({ service: "frontend", commits: { relation: "backward" } })];
    expect(runPolicies(reportOf({ services }), [clears, ...policies], settings())).toHaveLength(1);
  });
});

describe("settings", () => {
  test("a disabled policy does not run", () => {
    const services = [serviceOf({ service: "frontend", commits: { relation: "backward" } })];
    expect(deniedBy(services, { disabled: ["backward-needs-note"] })).toEqual([]);
  });
  test("a disabled policy that does not exist is a warning", () => {
    expect(deniedBy([], { disabled: ["backward-needs-notes"] })).toEqual(["warn disabled all"]);
  });
  test("fails for an unknown field or a limit of 0", () => {
    expect(() => settings({ "services-per-hosts": {} })).toThrow("services-per-hosts");
    expect(() => settings({ "services-per-host": { limit: 0 } })).toThrow();
  });
});

describe("loading", () => {
  const load = (files: Record<string, string>) => {
    const root = tempFolder();
    for (const [name, text] of Object.entries(files)) write(root, name, text);
    return loadPolicies(root);
  };
  const valid = 'export const policy = { name: "a", describe: "x", check: () => [] };\n';

  test("fails if there is no folder", () => expect(load({})).rejects.toThrow("policies is no policy"));
  test("fails if a file exports none", () =>
    expect(load({ "policies/a.ts": "export const x = 1;\n" })).rejects.toThrow(
      /policies\/a\.ts[\s\S]*no export named policy/,
    ));
  test("fails if a file has another name than its policy", () =>
    expect(load({ "policies/b.ts": valid })).rejects.toThrow(/policies\/b\.ts[\s\S]*name it b/));
  test("fails if a file cannot be read as a program", () =>
    expect(load({ "policies/a.ts": "export const = ;\n" })).rejects.toThrow("policies/a.ts"));
  test("what is right is loaded", async () => expect(await load({ "policies/a.ts": valid })).toHaveLength(1));
});
