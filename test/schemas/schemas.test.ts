import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { deployableServices } from "../../lib/catalog/index.ts";
import { schemaSources, schemaText } from "../../lib/schemas/index.ts";
import { checkout } from "../checkout.ts";
import { commitA, digestA } from "../support.ts";

const read = (name: string) => readFileSync(join(checkout, name), "utf8");
const json = (name: string) => JSON.parse(read(name));
/** Problems that a JSON Schema validator finds; strict, so that it also refuses keywords that it does not know. */
function problems(schema: string, value: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, formats: { uri: (text: string) => URL.canParse(text) } });
  const validate = ajv.compile(json(`schemas/${schema}`));
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

test.each(schemaSources)("fails if schemas/$file is not current; npm run schemas writes it", (source) => {
  expect(read(`schemas/${source.file}`)).toBe(schemaText(source));
});

test("there is no schema that nothing makes", () => {
  expect(readdirSync(join(checkout, "schemas")).sort()).toEqual(schemaSources.map(({ file }) => file).sort());
});

test.each([
  ["deploy.json", "deploy.schema.json"],
  ["lab/pins/older.json", "deploy.schema.json"],
  ["CI.json", "ci.schema.json"],
])("%s names its schema and is valid under it", (file, schema) => {
  const value = json(file);
  expect(resolve(checkout, dirname(file), value.$schema)).toBe(join(checkout, "schemas", schema));
  expect(problems(schema, value)).toEqual([]);
});

describe("deploy.schema.json", () => {
  const found = (environment: string, service: string, pin: object) =>
    problems("deploy.schema.json", { version: 1, environments: { [environment]: { [service]: pin } } });

  test("names the services of each environment, with where they run", () => {
    const { properties } = json("schemas/deploy.schema.json").properties.environments;
    expect(Object.keys(properties.prod.properties)).toEqual(deployableServices("prod"));
    expect(Object.keys(properties.dev.properties)).toEqual(deployableServices("dev"));
    expect(properties.prod.properties.frontend.description).toBe("main-server/unidesk-frontend");
    expect(properties.prod.properties["code-queue-mgr"].description).toContain("; supervised: ");
  });

  test("a commit, and a digest beside it, are a pin", () => {
    expect(found("prod", "frontend", { commit: commitA, digest: digestA })).toEqual([]);
  });

  test.each([
    ["a branch", "prod", "frontend", { commit: "master" }],
    ["an abbreviated commit", "prod", "frontend", { commit: commitA.slice(0, 7) }],
    ["no commit", "prod", "frontend", {}],
    ["a digest that is none", "prod", "frontend", { commit: commitA, digest: "sha256:1" }],
    ["an unknown key", "prod", "frontend", { commit: commitA, tag: "latest" }],
    ["a service that is unknown", "prod", "frontned", { commit: commitA }],
    ["a service without a consumer there", "dev", "todo-note", { commit: commitA }],
    ["an unsupported service", "prod", "code-queue", { commit: commitA }],
    ["an upstream image", "prod", "postgres", { commit: commitA }],
    ["an unknown environment", "staging", "frontend", { commit: commitA }],
  ])("fails if a pin has %s", (_, environment, service, pin) => {
    expect(found(environment, service, pin)).not.toEqual([]);
  });
});

describe("ci.schema.json", () => {
  const [build] = json("CI.json").artifacts;
  const upstream = json("CI.json").artifacts.at(-1);
  const found = (entry: object) => problems("ci.schema.json", { version: 1, artifacts: [entry] });

  test("both kinds are valid", () => expect([...found(build), ...found(upstream)]).toEqual([]));

  test.each([
    ["a source that is not https", { ...build, sourceRepo: "http://example.org/x" }],
    ["a Dockerfile outside", { ...build, dockerfile: "../Dockerfile" }],
    ["another registry", { ...build, imageRef: "docker.io/unidesk/frontend" }],
    ["no upstream digest", { ...upstream, digest: undefined }],
    ["an upstream latest", { ...upstream, upstream: "docker.io/library/postgres:latest" }],
    ["a mirror elsewhere", { ...upstream, mirror: "docker.io/unidesk/postgres" }],
  ])("fails if an entry has %s", (_, entry) => expect(found(JSON.parse(JSON.stringify(entry)))).not.toEqual([]));
});
