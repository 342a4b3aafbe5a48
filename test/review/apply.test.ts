import { chmodSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../lib/errors.ts";
import { applyReviewed, applyStacks, withApprovals } from "../../lib/review/apply.ts";
import { refuseMissingPlans, refuseOtherTarget, refuseUnseen } from "../../lib/review/refuse.ts";
import { isApplied } from "../../lib/review/report.ts";
import { failureOf, hostsJson, rejectionOf, tempFolder, write, writeCheckout } from "../support.ts";
import { reportOf, serviceOf, stackOf } from "./support.ts";

describe("a host that is down", () => {
  /** Applies on another machine than the review's, up to the look at the hosts. */
  const apply = async (stacks: readonly string[]) => {
    const { d601, "main-server": mainServer } = hostsJson();
    const down = { ...mainServer, address: "127.0.0.1", port: await closedPort() };
    const root = writeCheckout({
      hosts: { d601: { ...d601, connection: "local", home: tempFolder() }, "main-server": down },
    });
    return applyReviewed({
      ...{ root, environment: {}, stacks, workFolder: tempFolder(), reviewed: "5f".repeat(64) },
      synthesize: () => Promise.reject(new Error("looked")),
      ...{ judge: async () => [], say: () => {}, tell: () => {} },
    });
  };

  test("is no matter where the review is of another set of hosts: nothing is begun", async () => {
    expect(() => refuseOtherTarget({ target: "staging" }, "prod")).toThrow(/another set of hosts[\s\S]*staging/);
    expect(() => refuseOtherTarget({ target: "prod" }, "prod")).not.toThrow();
  });

  test("or was not looked at is none to apply to", async () => {
    expect(() => refuseUnseen({ offline: "the hosts were not looked at: …" })).toThrow(/nothing was changed/);
    expect(() => refuseUnseen({ offline: null })).not.toThrow();
  });

  test("stops its own stacks", async () => {
    const { message } = await rejectionOf(apply(["unidesk-prod-main-server"]));
    expect(message).toMatch(/^main-server: cannot be reached by SSH/);
  });

  test("stops no stack of another host", async () => {
    await expect(apply(["unidesk-dev-d601"])).rejects.toThrow("looked");
  });
});

describe("a lock that ends early", () => {
  const names = ["unidesk-prod-main-server", "unidesk-dev-d601"];

  /** Applies two stacks by a Terraform that only says that it was run; `at` ends the lock at one of their lines. */
  const apply = async (at: string, planOf = (_: string): string | undefined => "plan") => {
    const root = tempFolder();
    const log = join(root, "log");
    const program = `#!/bin/bash\n[ "$1" = init ] || { echo "\${PWD##*/}" >> ${log}; sleep 0.1; }\n`;
    chmodSync(write(root, "node_modules/.bin/terraform", program), 0o755);
    for (const name of names) write(root, `${name}/cdk.tf.json`, { terraform: {} });
    const folders = new Map(names.map((name) => [name, { name, root, path: join(root, name), environment: {} }]));
    const lost = new AbortController();
    const end = new UserError({ what: "d601: the lock ended" });
    const stacks = await applyStacks(
      { stacks: [], tell: () => {}, say: (line) => line === at && lost.abort(end) },
      { report: reportOf({ services: [], stacks: names.map(stackOf) }), planOf },
      folders,
      new AbortController().signal,
      lost.signal,
    );
    return { stacks, ran: readFileSync(log, "utf8").trim().split("\n") };
  };

  test("lets what runs end and begins no other stack", async () => {
    expect(await apply("applying unidesk-dev-d601")).toEqual({
      stacks: [
        { name: "unidesk-dev-d601", result: "applied", reason: "meanwhile d601: the lock ended" },
        { name: "unidesk-prod-main-server", result: "failed", reason: "not begun: d601: the lock ended" },
      ],
      ran: ["unidesk-dev-d601"],
    });
  });

  test("a stack that changes and whose plan file is gone meanwhile fails, and is not called unchanged", async () => {
    const { stacks, ran } = await apply("never", (name) => (name === "unidesk-dev-d601" ? "plan" : undefined));
    expect(stacks).toEqual([
      { name: "unidesk-dev-d601", result: "applied", reason: null },
      { name: "unidesk-prod-main-server", result: "failed", reason: "not begun: its plan file is gone" },
    ]);
    expect(ran).toEqual(["unidesk-dev-d601"]);
  });

  test("while nothing ended, all of them are applied", async () => {
    expect(await apply("never")).toEqual({
      stacks: ["unidesk-dev-d601", "unidesk-prod-main-server"].map((name) => ({
        name,
        result: "applied",
        reason: null,
      })),
      ran: ["unidesk-dev-d601", "unidesk-prod-main-server"],
    });
  });
});

describe("approvals", () => {
  const of = (state: "missing" | "approved") =>
    reportOf({
      services: [serviceOf({ service: "code-queue-mgr", approval: { state } }), serviceOf({ service: "frontend" })],
    });

  test("fails if one that was given since the review, or has ended since, does not count", () => {
    const given = withApprovals(of("missing"), of("approved")).services;
    expect(given.map(isApplied)).toEqual([true, true]);
    const ended = withApprovals(of("approved"), of("missing")).services;
    expect(ended.map(isApplied)).toEqual([false, true]);
  });

  test("everything else stays as it was read", () => {
    const now = reportOf({ services: [serviceOf({ service: "frontend", transfer: { bytes: 1 } })] });
    expect(withApprovals(of("missing"), now)).toEqual(of("missing"));
  });
});

describe("plan files of a stored review", () => {
  const stack = (name: string, action: "change" | "none" | "refused") => ({
    ...{ name, action, error: null, unchanged: 0, changes: [] },
  });
  const report = reportOf({
    services: [],
    stacks: [
      stack("d601-registry", "change"),
      stack("unidesk-dev-d601", "change"),
      stack("unidesk-prod-d601", "none"),
      stack("unidesk-plan-only", "refused"),
    ],
  });
  const stored = (...names: string[]) => ({
    ...{ report, folder: "/reviews/1" },
    planOf: (name: string) => (names.includes(name) ? `/reviews/1/${name}` : undefined),
  });
  const all = report.stacks.map(({ name }) => name);

  test("fails if one is missing and the stack counts as unchanged", () => {
    expect(failureOf(() => refuseMissingPlans(stored("d601-registry"), all)).problem).toEqual({
      what: "nothing was changed: the review has stacks that change, and not their plan files",
      found: "/reviews/1 has none of unidesk-dev-d601",
      remedy: "npx unidesk review, then apply that",
    });
  });

  test("are needed of no stack that does not change, or that nobody asked for", () => {
    expect(() => refuseMissingPlans(stored("d601-registry", "unidesk-dev-d601"), all)).not.toThrow();
    expect(() => refuseMissingPlans(stored("d601-registry"), ["d601-registry"])).not.toThrow();
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 1;
}
