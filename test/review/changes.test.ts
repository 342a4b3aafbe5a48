import { describe, expect, test } from "vitest";
import { changesOf } from "../../lib/review/changes.ts";
import { PlanJson } from "../../lib/review/plan-json.ts";

function planned(address: string, change: object) {
  const plan = {
    format_version: "1.2",
    resource_changes: [{ address, type: address.split(".")[0], change: { before: null, after: null, ...change } }],
  };
  return changesOf(PlanJson.parse(plan));
}

const changes = (address: string, change: object) => planned(address, change).map((one) => one.change);

const triggers = (values: object) => ({ id: "1", triggers: { service: "frontend", ...values } });

describe("what a change is", () => {
  test.each([
    ["null_resource.frontend-deployment", ["create"], "run"],
    ["null_resource.frontend-deployment", ["create", "delete"], "run"],
    ["null_resource.frontend-deployment", ["delete", "create"], "run"],
    ["null_resource.frontend-deployment", ["delete"], "forget"],
    ["null_resource.frontend-deployment", ["forget"], "forget"],
    ["null_resource.registry-stop", ["delete"], "delete"],
    ["kubernetes_deployment.mdtodo", ["create"], "create"],
    ["kubernetes_deployment.mdtodo", ["update"], "update"],
    ["kubernetes_deployment.mdtodo", ["delete", "create"], "replace"],
    ["kubernetes_service.mdtodo", ["delete"], "delete"],
    ["docker_image.findjob-image", ["create", "delete"], "replace"],
  ])("%s %j is %s", (address, actions, action) => {
    expect(changes(address, { actions })).toMatchObject([{ address, action }]);
  });

  test("what stays or is only read is none, unless it is imported", () => {
    expect(changes("kubernetes_service.mdtodo", { actions: ["no-op"] })).toEqual([]);
    expect(changes("data.x.y", { actions: ["read"] })).toEqual([]);
    expect(changes("kubernetes_service.mdtodo", { actions: ["no-op"], importing: { id: "unidesk/mdtodo" } })).toEqual([
      {
        address: "kubernetes_service.mdtodo",
        action: "import",
        meaning: "takes over Service mdtodo as it is",
        fields: [],
      },
    ]);
  });

  test("an image is pulled and none removed", () => {
    const [change] = changes("docker_image.findjob-image", { actions: ["create", "delete"] });
    expect(change?.meaning).toBe("pulls the image; none is removed");
  });
});

describe("the fields that change", () => {
  test("are the ones that differ, by their path", () => {
    const [change] = changes("null_resource.frontend-deployment", {
      actions: ["create", "delete"],
      before: triggers({ commit: "a", repair: "3: edited" }),
      after: triggers({ commit: "b", repair: "3: edited" }),
      after_unknown: { id: true, triggers: {} },
    });
    expect(change?.fields).toEqual([{ path: "triggers.commit", before: "a", after: "b" }]);
  });

  test("an ignored repair that Terraform drops on a replacement is none", () => {
    const [change] = changes("null_resource.frontend-deployment", {
      actions: ["create", "delete"],
      before: triggers({ commit: "a", repair: "3: edited" }),
      after: triggers({ commit: "b", repair: null }),
    });
    expect(change?.fields.map(({ path }) => path)).toEqual(["triggers.commit"]);
  });

  test("a repair that is asked for is one", () => {
    const [change] = changes("null_resource.frontend-deployment", {
      actions: ["create", "delete"],
      before: triggers({ repair: "" }),
      after: triggers({ repair: "4: container missing" }),
    });
    expect(change?.fields).toEqual([{ path: "triggers.repair", before: "", after: "4: container missing" }]);
  });

  test("what Terraform calls sensitive is never shown", () => {
    const change = {
      actions: ["update"],
      before: { data: { token: "old-secret" }, name: "x" },
      after: { data: { token: "new-secret" }, name: "y" },
      before_sensitive: { data: true },
      after_sensitive: { data: { token: true } },
    };
    const text = JSON.stringify(changes("kubernetes_secret.x", change));
    expect(text).not.toContain('secret"');
    expect(text).not.toMatch(/(old|new)-secret/);
    expect(text).toContain("(sensitive)");
  });

  test("of a sensitive one no more is told than that it changes, also where one side alone is marked", () => {
    const fieldsOf = (before: unknown, after: unknown, marks: object) =>
      changes("kubernetes_secret.x", {
        actions: ["update"],
        before: { token: before },
        after: { token: after },
        ...marks,
      }).flatMap(({ fields }) => fields);
    const both = { before_sensitive: { token: true }, after_sensitive: { token: true } };
    expect(fieldsOf("old", "new", both)).toEqual([
      { path: "token", before: "(sensitive)", after: "(sensitive, changed)" },
    ]);
    expect(fieldsOf("old", "new", { before_sensitive: { token: true } })).toMatchObject([
      { after: "(sensitive, changed)" },
    ]);
    expect(fieldsOf({ a: "old" }, { a: "new" }, { after_sensitive: { token: { a: true } } })).toMatchObject([
      { path: "token.a", before: "(sensitive)" },
    ]);
    expect(fieldsOf(null, "new", both)).toEqual([{ path: "token", before: null, after: "(sensitive)" }]);
    expect(fieldsOf("same", "same", both)).toEqual([]);
    expect(fieldsOf({ a: "same" }, { a: "same" }, { ...both, after_unknown: { token: {} } })).toEqual([]);
    expect(fieldsOf({ a: "old" }, {}, { ...both, after_unknown: { token: { a: true } } })).toMatchObject([
      { after: "(sensitive, changed)" },
    ]);
  });

  test("what is known in a list is not unknown because another one is", () => {
    const [change] = changes("kubernetes_deployment.x", {
      actions: ["update"],
      before: { args: ["a", "b", "c"] },
      after: { args: ["a", "x", null] },
      after_unknown: { args: [false, false, true] },
    });
    expect(change?.fields).toEqual([
      { path: "args.1", before: "b", after: "x" },
      { path: "args.2", before: "c", after: "(known after apply)" },
    ]);
  });

  test.each([
    ["", "false"],
    ["0", ""],
    ["false", "0"],
    [null, "x"],
  ])("%j to %j is a change", (before, after) => {
    expect(
      changes("kubernetes_deployment.x", { actions: ["update"], before: { a: before }, after: { a: after } }),
    ).toMatchObject([{ fields: [{ path: "a", before, after }] }]);
  });

  test.each([
    [null, ""],
    ["false", null],
    [null, 0],
  ])("%j to %j is what a provider makes of nothing", (before, after) => {
    expect(
      changes("kubernetes_deployment.x", { actions: ["update"], before: { a: before }, after: { a: after } }),
    ).toMatchObject([{ fields: [] }]);
  });

  test("long values are cut, to where they begin to differ", () => {
    const fieldOf = (before: string | null, after: string) =>
      changes("kubernetes_deployment.x", { actions: ["update"], before: { a: before }, after: { a: after } })[0]
        ?.fields[0];
    expect(fieldOf("x".repeat(5000), "y")?.before).toHaveLength(200);
    expect(fieldOf(null, "x".repeat(5000))?.after).toHaveLength(200);
    const same = "x".repeat(250);
    expect(fieldOf(`${same}1`, `${same}2`)).toEqual({
      path: "a",
      before: `…${"x".repeat(20)}1`,
      after: `…${"x".repeat(20)}2`,
    });
    expect(fieldOf(same, `${same}${"y".repeat(500)}`)?.after).toHaveLength(200);
  });
});

describe("the hash of what changes", () => {
  const hashOf = (before: unknown, after: unknown, marks: object = {}) =>
    planned("null_resource.x", { actions: ["update"], before: { a: before }, after: { a: after }, ...marks })[0]
      ?.sha256;
  const same = "x".repeat(400);

  test("fails if it is of the values as they are shown", () => {
    const from = `${same}1${same}`;
    expect(hashOf(from, `${same}2${same}3`)).not.toBe(hashOf(from, `${same}2${same}4`));
    expect(hashOf(`${from}3`, same)).not.toBe(hashOf(`${from}4`, same));
  });

  test("fails if a secret could be guessed from it", () => {
    const marks = { before_sensitive: { a: true }, after_sensitive: { a: true } };
    expect(hashOf("old", "one", marks)).toBe(hashOf("other", "another", marks));
  });
});

describe("what was found in a cluster", () => {
  const containers = (env: object[], annotations: object = {}) => ({
    spec: [{ template: [{ metadata: [{ annotations }], spec: [{ container: [{ args: ["--key=hunter2"], env }] }] }] }],
  });
  const url = { name: "DATABASE_URL", value: "postgres://app:hunter2@db/prod" };
  const commit = (one: string) => ({ name: "UNIDESK_DEPLOY_COMMIT", value: one.repeat(40) });
  const found = containers([commit("a"), url], {
    "example.org/token": "hunter2",
    "dev.unidesk.deploy.service": "other",
  });
  const declared = containers([commit("b")], { "dev.unidesk.deploy.service": "mdtodo" });
  const [change] = planned("kubernetes_deployment.mdtodo", { actions: ["update"], before: found, after: declared });

  test("fails if a value that nobody declared is shown: it may be a secret", () => {
    expect(JSON.stringify(change)).not.toContain("hunter2");
    expect(change?.change.fields).toContainEqual({
      path: "spec.0.template.0.spec.0.container.0.env.1.value",
      before: "(live value, not shown)",
      after: null,
    });
  });

  test("what this project wrote itself is shown", () => {
    const shown = change?.change.fields.map(({ before }) => before);
    expect(shown).toContain("a".repeat(40));
    expect(shown).toContain("other");
  });
});
