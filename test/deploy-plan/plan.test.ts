import { describe, expect, test } from "vitest";
import type { Environment } from "../../lib/config/values.ts";
import { nothingLookedAt, type PlanFacts } from "../../lib/deploy-plan/facts.ts";
import { planDeployments } from "../../lib/deploy-plan/plan.ts";
import { type PlanQuestion, readSubjects, subjectsOf } from "../../lib/deploy-plan/question.ts";
import type { PlacedEntry } from "../../lib/history/collect.ts";
import { commitA, commitB, digestA, failureOf, siteOfPins } from "../support.ts";

const commitC = "c3".repeat(20);
const keys = ["CLIENT_ID", "CLIENT_SECRET", "TOKEN_KEY"].map((name) => `UNIDESK_BAIDU_NETDISK_${name}`);

function planOf(
  environments: Parameters<typeof siteOfPins>[0],
  question: PlanQuestion | object = {},
  facts: Partial<PlanFacts> = {},
) {
  const site = siteOfPins(environments);
  const subjects = subjectsOf(question as PlanQuestion, readSubjects(site), "deploy.json");
  return planDeployments(site, subjects, { ...nothingLookedAt, ...facts });
}

function entry(commit: string, changes: Partial<PlacedEntry> = {}): PlacedEntry {
  return {
    ...{
      id: "1",
      service: "frontend",
      stack: "unidesk-prod-main-server",
      commit,
      result: "deployed",
      host: "main-server",
    },
    ...{
      startedAt: "2026-01-31T12:00:00Z",
      finishedAt: "2026-01-31T12:00:09Z",
      operator: "ann@laptop",
      fingerprint: "a",
    },
    ...changes,
  } as PlacedEntry;
}

describe("what is asked", () => {
  const pins = {
    prod: { frontend: { commit: commitA, digest: digestA }, mdtodo: { commit: commitA } },
    dev: { mdtodo: { commit: commitB } },
  };
  const asked = (question: object) =>
    planOf(pins, question).records.map(({ service, environment, commit, pinnedCommit }) => [
      ...[service, environment, commit?.slice(0, 2), pinnedCommit?.slice(0, 2)],
    ]);

  test("every pin, or those of an environment or a service", () => {
    expect(asked({})).toHaveLength(3);
    expect(asked({ environment: "dev" })).toEqual([["mdtodo", "dev", "b2", "b2"]]);
    expect(asked({ service: "mdtodo" })).toEqual([
      ["mdtodo", "prod", "a1", "a1"],
      ["mdtodo", "dev", "b2", "b2"],
    ]);
  });

  test("with a commit every consumer of the service, pinned or not", () => {
    expect(asked({ service: "mdtodo", commit: commitC })).toEqual([
      ["mdtodo", "prod", "c3", "a1"],
      ["mdtodo", "dev", "c3", "b2"],
    ]);
    expect(asked({ service: "frontend", commit: commitC })).toEqual([
      ["frontend", "prod", "c3", "a1"],
      ["frontend", "dev", "c3", undefined],
    ]);
    expect(asked({ service: "claudeqq", environment: "dev", commit: commitC })).toEqual([
      ["claudeqq", "dev", "c3", undefined],
    ]);
    expect(asked({ service: "code-queue", commit: commitC })).toEqual([["code-queue", "dev", "c3", undefined]]);
  });

  test("the pin's digest is of the pin's commit alone", () => {
    const registryOf = (question: object) => planOf(pins, question).records[0]?.registry;
    expect(registryOf({ service: "frontend" })).toMatchObject({ digest: null, pinnedDigest: digestA });
    expect(registryOf({ service: "frontend", commit: commitA })).toMatchObject({ pinnedDigest: digestA });
    expect(registryOf({ service: "frontend", commit: commitC })).toMatchObject({ digest: null, pinnedDigest: null });
    expect(registryOf({ service: "frontend" })?.digestSource).toContain("manifest HEAD of the live registry");
    expect(registryOf({ service: "frontend" })?.digestSource).toContain("it has to be pinnedDigest");
  });

  test("fails if nothing is pinned that was asked for", () => {
    expect(failureOf(() => planOf(pins, { service: "claudeqq", environment: "prod" })).message).toBe(
      [
        "nothing to plan: deploy.json does not pin claudeqq in prod",
        "  remedy:  npx unidesk deploy plan --service claudeqq --env prod --commit SHA plans what is not pinned",
      ].join("\n"),
    );
    expect(failureOf(() => planOf({ prod: {}, dev: {} })).message).toContain("does not pin any service");
  });

  test("fails as a record if deploy.json pins what is unsupported; the other pins are planned", () => {
    const { ok, records } = planOf({ prod: { "code-queue": { commit: commitA }, frontend: { commit: commitA } } });
    expect(ok).toBe(false);
    expect(records.map(({ service, decision, commit }) => [service, decision, commit])).toEqual([
      ["frontend", "deployable", commitA],
      ["code-queue", "unsupported", commitA],
    ]);
  });
});

describe("rollback", () => {
  const rollback = (history: PlanFacts["history"], environment: Environment = "prod") =>
    planOf(
      { prod: { frontend: { commit: commitA } }, dev: { frontend: { commit: commitA } } },
      { environment },
      { history },
    ).records[0]?.rollback;

  test("names what pin rollback goes back to once this commit is applied", () => {
    const entries = [
      entry(commitA),
      entry(commitC, { result: "restored" }),
      entry(commitC, { stack: "unidesk-dev-d601" }),
      entry(commitC, { service: "mdtodo" }),
      entry(commitB),
    ];
    expect(rollback(new Map([["main-server", entries]]))).toEqual({
      command: "npx unidesk pin rollback frontend --env prod",
      previousCommit: commitB,
      reason: null,
    });
  });

  test("says why it knows none", () => {
    expect(rollback(new Map([["main-server", [entry(commitA)]]]))).toMatchObject({
      previousCommit: null,
      reason: "the history on main-server has no healthy commit before it",
    });
    expect(rollback(new Map([["main-server", [entry(commitB)]]]), "dev")).toMatchObject({
      command: "npx unidesk pin rollback frontend --env dev",
      previousCommit: null,
      reason: "the history on d601 was not read",
    });
  });
});

describe("runtime secrets", () => {
  const secretsOf = (secrets: PlanFacts["secrets"], environment = "prod") =>
    planOf(
      { prod: { "baidu-netdisk": { commit: commitA } }, dev: { "baidu-netdisk": { commit: commitA } } },
      { environment },
      { secrets },
    ).records[0]?.runtimeSecrets;
  const secretSource =
    "controlled env file on main-server: providerGateway.upgrade.composeEnvFile of /srv/unidesk/config.json";

  test("presence and length, also where dev is only planned", () => {
    const lengths = new Map([["baidu-netdisk", Object.fromEntries(keys.map((key) => [key, 32]))]]);
    for (const environment of ["prod", "dev"]) {
      expect(secretsOf(lengths, environment)).toEqual({
        secretSource,
        requiredSecretsPresent: true,
        missingSecretKeys: [],
        secrets: keys.map((key) => ({ key, present: true, length: 32 })),
        recommendedAction: "none",
      });
    }
  });

  test("fails to be complete if one is missing or empty", () => {
    const [first = "", second = "", third = ""] = keys;
    expect(secretsOf(new Map([["baidu-netdisk", { [first]: 8, [second]: 0 }]]))).toMatchObject({
      requiredSecretsPresent: false,
      missingSecretKeys: [second, third],
      recommendedAction: `add ${second}, ${third} to the controlled env file on main-server; an apply is refused until then`,
    });
  });

  test("is unknown where the host or the file cannot be read, with what to do", () => {
    const unknown = { secretSource, requiredSecretsPresent: null, missingSecretKeys: null, secrets: null };
    expect(secretsOf(new Map())).toEqual({
      ...unknown,
      recommendedAction: "plan again where main-server can be reached",
    });
    expect(secretsOf(new Map([["baidu-netdisk", undefined]]))).toEqual({
      ...unknown,
      recommendedAction: "make the controlled env file on main-server readable, then plan again",
    });
  });
});
