import { describe, expect, test } from "vitest";
import { labCommits } from "../../lab/commits.ts";
import { catalog } from "../../lib/catalog/index.ts";
import { readCiFile } from "../../lib/config/ci-file.ts";
import { readPins } from "../../lib/config/deploy-file.ts";
import { loadPins, loadSite, overridesOf } from "../../lib/config/site.ts";
import { checkout } from "../checkout.ts";
import {
  buildEntry,
  commitA,
  commitB,
  deployJson,
  digestA,
  failureOf,
  hostKeys,
  hostsJson,
  siteOf,
  tempFolder,
  write,
  writeCheckout,
} from "../support.ts";

const own = (name: string) => `${checkout}/${name}`;

describe("the checkout's own files", () => {
  test("CI.json can be read", () => {
    expect(readCiFile(own("CI.json")).artifacts.map(({ serviceId }) => serviceId)).toContain("frontend");
  });

  test("CI.json has an entry for every service of the catalog, and upstream images beside them", () => {
    const { artifacts } = readCiFile(own("CI.json"));
    const idsOf = (kind: string) => artifacts.filter((entry) => entry.kind === kind).map(({ serviceId }) => serviceId);
    expect(idsOf("build").sort()).toEqual(
      catalog()
        .map(({ service }) => service)
        .sort(),
    );
    expect(idsOf("upstream-image")).toEqual(["postgres", "registry"]);
  });

  test("deploy.json pins the lab's second commit, lab/pins/older.json its first", () => {
    const commits = (name: string) => readPins(own(name), name).map(({ service, commit }) => [service, commit]);
    expect(commits("deploy.json")).toContainEqual(["frontend", labCommits.unidesk.second]);
    expect(commits("lab/pins/older.json")).toContainEqual(["frontend", labCommits.unidesk.first]);
  });

  test("cdktf.json is a site, and every pin has a build", () => {
    // The lab's key files are made by `lab up`, so the hosts come from another file here.
    const hosts = write(tempFolder(), "hosts.json", { target: "test", hosts: hostsJson() });
    const site = loadSite(checkout, { UNIDESK_HOSTS: hosts });
    expect(site.registry).toEqual({
      image: "registry:2.8.3",
      address: "127.0.0.1",
      port: 5000,
      name: "unidesk-artifact-registry",
    });
    expect(loadPins(site).length).toBeGreaterThan(0);
  });
});

test("a site is what its files say", () => {
  const site = siteOf({ target: "production", backend: { type: "pg" } });
  expect(site).toMatchObject({
    target: "production",
    backend: { type: "pg", schemaPrefix: "unidesk" },
    deployFile: "deploy.json",
    connections: { d601: { address: "192.0.2.1" }, "main-server": { address: "192.0.2.2" } },
    ci: { artifacts: [buildEntry("frontend")] },
  });
});

test("UNIDESK_HOSTS replaces target and hosts, UNIDESK_DEPLOY_FILE the pins", () => {
  const root = writeCheckout();
  const d601 = { address: "192.0.2.9", user: "ubuntu", hostKeys: [hostKeys.ecdsa] };
  write(root, "other.json", { target: "lab-2", hosts: { ...hostsJson(), d601 } });
  write(root, "older.json", deployJson({ commit: commitB }));
  const site = loadSite(
    root,
    overridesOf({ UNIDESK_HOSTS: "other.json", UNIDESK_DEPLOY_FILE: "older.json", HOME: "/" }),
  );
  expect(site.target).toBe("lab-2");
  expect(site.connections.d601.address).toBe("192.0.2.9");
  expect(loadPins(site).map(({ commit }) => commit)).toEqual([commitB]);
});

test("UNIDESK_CI_FILE replaces CI.json, and is named where it is wrong", () => {
  const root = writeCheckout();
  write(root, "other-ci.json", { version: 1, artifacts: [buildEntry("frontend"), buildEntry("mdtodo")] });
  const site = loadSite(root, overridesOf({ UNIDESK_CI_FILE: "other-ci.json", HOME: "/" }));
  expect(site.ci.artifacts.map(({ serviceId }) => serviceId)).toEqual(["frontend", "mdtodo"]);
  write(root, "other-ci.json", { version: 2, artifacts: [] });
  expect(failureOf(() => loadSite(root, { UNIDESK_CI_FILE: "other-ci.json" })).message).toMatch(
    /^other-ci\.json: version: found 2; must be 1/,
  );
});

test("an empty override is none", () => {
  const site = loadSite(writeCheckout(), { UNIDESK_HOSTS: "", UNIDESK_DEPLOY_FILE: "", UNIDESK_CI_FILE: "" });
  expect(loadPins(site).map(({ commit }) => commit)).toEqual([commitA]);
});

test("fails if the target could not name a folder", () => {
  expect(failureOf(() => siteOf({ target: "../prod" })).message).toBe(
    'cdktf.json: context.target: found "../prod"; must be lowercase words joined by dashes: it names the state\'s folder',
  );
});

test("fails if the backend is unknown, with the ones there are", () => {
  expect(failureOf(() => siteOf({ backend: { type: "gcs" } })).message).toMatch(
    /^cdktf\.json: context\.backend\.type: found "gcs"; .*'local' \| 'pg' \| 's3' \| 'kubernetes'$/,
  );
});

test("fails if a backend is given a credential", () => {
  const backend = { type: "pg", connStr: "postgres://user:secret@host/db" };
  const { message } = failureOf(() => siteOf({ backend }));
  expect(message).toContain('cdktf.json: context.backend: unknown "connStr"');
  expect(message).not.toContain("secret");
});

test("fails if the hosts file of UNIDESK_HOSTS is wrong, under its own name", () => {
  const root = writeCheckout();
  write(root, "other.json", { target: "lab", hosts: hostsJson(), backend: {} });
  expect(failureOf(() => loadSite(root, { UNIDESK_HOSTS: "other.json" })).message).toContain(
    'other.json: unknown "backend"',
  );
});

describe("loadPins", () => {
  const upstream = {
    serviceId: "frontend",
    kind: "upstream-image",
    sourceRepo: "https://github.com/pikasTech/unidesk",
    upstream: "docker.io/library/nginx:1",
    digest: digestA,
    mirror: "127.0.0.1:5000/unidesk/mirror/nginx",
  };
  const refusal = (...artifacts: object[]) => {
    const root = writeCheckout();
    write(root, "CI.json", { version: 1, artifacts });
    return failureOf(() => loadPins(loadSite(root)));
  };

  test("fails if a pin is an upstream image", () => {
    const { message, exitCode } = refusal(upstream, buildEntry("backend-core"));
    expect(message).toBe(
      [
        "deploy.json: environments.prod.frontend: CI.json lists it as an upstream image, which is not deployable",
        "  found:   frontend",
        "  allowed: backend-core",
        "  remedy:  add a build entry to CI.json, or remove the pin",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("fails if a pin of an upstream image that the catalog does not know is taken for a misspelled name", () => {
    const root = writeCheckout();
    write(root, "CI.json", { version: 1, artifacts: [{ ...upstream, serviceId: "nginx" }] });
    write(root, "deploy.json", { version: 1, environments: { prod: { nginx: { commit: commitA } } } });
    expect(failureOf(() => loadPins(loadSite(root))).message).toMatch(
      /^deploy\.json: environments\.prod\.nginx: CI\.json lists it as an upstream image, which is not deployable\n/,
    );
  });

  test("fails if a pin is not in CI.json", () => {
    expect(refusal(buildEntry("backend-core")).message).toBe(
      [
        "deploy.json: environments.prod.frontend: CI.json has no entry for it",
        "  found:   frontend",
        "  allowed: backend-core",
        "  remedy:  add a build entry to CI.json, or remove the pin",
      ].join("\n"),
    );
  });
});
