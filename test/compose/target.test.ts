import { describe, expect, test } from "vitest";
import type { ComposeRuntime } from "../../lib/catalog/index.ts";
import { targetOf } from "../../lib/compose/target.ts";
import { composeTarget, failureOf, hostsJson, siteOf } from "../support.ts";

const runtime: ComposeRuntime = {
  kind: "compose",
  host: "main-server",
  composeService: "frontend",
  container: "unidesk-frontend",
  stableImage: "unidesk-frontend",
  health: { port: 8080 },
};
const siteWith = (host: "d601" | "main-server", changes: object) =>
  siteOf({ hosts: { ...hostsJson(), [host]: { ...hostsJson()[host], ...changes } } });
const compose = { project: "unidesk-d601", root: "/srv/d601", file: "docker-compose.yml" };

test("a target is the catalog's runtime on the site's host", () => {
  expect(targetOf(siteOf(), runtime)).toEqual(composeTarget());
});

test("the catalog's health path and deadline win over the defaults", () => {
  const health = { port: 80, path: "/api/health", deadlineSeconds: 5, commitFrom: "container" } as const;
  expect(targetOf(siteOf(), { ...runtime, health }).health).toEqual(health);
});

describe("the env file", () => {
  test("of the Compose project wins over the one that config.json names", () => {
    const site = siteWith("main-server", { compose: { ...compose, envFile: "/srv/x.env" } });
    expect(targetOf(site, runtime).envFile).toEqual({ path: "/srv/x.env" });
  });

  test.each([
    ["there is no Compose project", {}],
    ["nothing names it", { compose }],
  ])("fails if %s on d601", (_, changes) => {
    expect(failureOf(() => targetOf(siteWith("d601", changes), { ...runtime, host: "d601" })).message).toBe(
      [
        "cdktf.json: context.hosts.d601 has no compose with an env file, but frontend is deployed there",
        "  allowed: compose { project, root, file, envFile }",
        "  remedy:  add it, or remove the pins of d601",
      ].join("\n"),
    );
  });
});
