import { describe, expect, test } from "vitest";
import type { ComposeTarget } from "../../lib/compose/target.ts";
import { checkValue } from "../../lib/config/json-file.ts";
import type { Digest } from "../../lib/config/values.ts";
import type { ObservedService } from "../../lib/observe/compose.ts";
import type { ObservedRegistry } from "../../lib/observe/registry.ts";
import { registryFiles } from "../../lib/registry/files.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import {
  deliveryDrift,
  deploymentDrift,
  recreates,
  registryFileDrift,
  registryServiceDrift,
} from "../../lib/verdicts/drift.ts";
import { commitA, commitB, composeTarget, digestA, digestB } from "../support.ts";

const settings = checkValue({}, "registry", RegistrySettings);
const files = registryFiles(settings, { home: "/home/ubuntu" });
const [config = "", compose = "", unit = ""] = files.map(({ sha256 }) => sha256);
const container = {
  running: true,
  status: "running",
  image: "registry:2.8.3",
  configSha256: config,
  published: [{ address: "127.0.0.1", port: 5000 }],
};
const registry: ObservedRegistry = {
  unit: { loaded: true, active: "active", enabled: "enabled" },
  files: { config, compose, unit },
  dockerVersion: "26.1.5",
  container,
  listeners: ["127.0.0.1:5000"],
  apiStatus: 200,
  storage: true,
};

test.each(files.map((file) => [file.name, file] as const))("fails if the %s file is gone or edited", (name, file) => {
  const base = file.path.split("/").at(-1);
  const drift = (hash: string | null) =>
    registryFileDrift(file, file.sha256, { ...registry, files: { ...registry.files, [name]: hash } });
  expect(drift(file.sha256)).toBeUndefined();
  expect(drift(null)).toBe(`${base} missing`);
  expect(drift("0".repeat(64))).toBe(`${base} edited`);
});

describe("the registry's service", () => {
  const drift = (changes: object) => registryServiceDrift(settings, registry.files, { ...registry, ...changes });
  const ofUnit = (changes: object) => drift({ unit: { ...registry.unit, ...changes } });
  const ofContainer = (changes: object) => drift({ container: { ...container, ...changes } });

  test("is as declared", () => expect(drift({})).toBeUndefined());

  test.each([
    ["unit not installed", ofUnit({ loaded: false })],
    ["unit disabled", ofUnit({ enabled: "disabled" })],
    ["unit failed", ofUnit({ active: "failed" })],
    ["API does not answer", ofUnit({ active: "activating" })],
    ["API does not answer", drift({ container: null })],
    ["API does not answer", ofContainer({ status: "exited", running: false })],
    ["API does not answer", drift({ apiStatus: 503 })],
    ["image registry:2.8.2, declared registry:2.8.3", ofContainer({ image: "registry:2.8.2" })],
    ["runs with another config.yml", ofContainer({ configSha256: null })],
    ["published beyond its loopback port", ofContainer({ published: [{ address: "0.0.0.0", port: 5000 }] })],
    ["published beyond its loopback port", ofContainer({ published: [{ address: "127.0.0.1", port: 5001 }] })],
    ["runs with older files", ofUnit({ needsReload: true })],
    ["runs with older files", ofContainer({ olderFiles: true })],
    ["unit has drop-ins /etc/a.conf, /etc/b.conf", ofUnit({ dropIns: ["/etc/a.conf", "/etc/b.conf"] })],
    ["listens beyond loopback", drift({ listeners: ["127.0.0.1:5000", "*:5000"] })],
  ])("fails if %s", (text, found) => expect(found).toBe(text));

  test("leaves an edited file to that file's own drift", () => {
    const edited = { ...registry.files, compose: "0".repeat(64) };
    expect(drift({ files: edited, container: { ...container, olderFiles: true } })).toBeUndefined();
  });
});

const wanted = { service: "frontend", commit: commitA };
const health = (commit: string, requestedCommit = commitA, status = 200) => ({
  status,
  body: JSON.stringify({ deploy: { commit, requestedCommit } }),
  where: "here",
});
const prefix = "UNIDESK_FRONTEND_DEPLOY_";
const live = {
  id: "c0ffee",
  status: "running",
  imageId: digestA,
  imageLabels: { "org.opencontainers.image.revision": commitA },
  deployEnv: { [`${prefix}REQUESTED_COMMIT`]: commitA },
  labels: {},
  health: health(commitA),
  gates: [],
  mounts: [],
};
const image = {
  id: digestA,
  labels: { "org.opencontainers.image.revision": commitA },
  record: { digest: digestB as Digest, imageId: digestA as Digest },
};
const envKeys = {
  [`${prefix}COMMIT`]: commitA,
  [`${prefix}REQUESTED_COMMIT`]: commitA,
  [`${prefix}DIGEST`]: digestB,
  [`${prefix}IMAGE`]: `127.0.0.1:5000/unidesk/frontend:${commitA}`,
};
const service: ObservedService = {
  container: live,
  stableImageId: digestA,
  images: { [commitA]: image },
  envKeys,
  secrets: {},
  recreateWouldChange: undefined,
};

describe("a delivery", () => {
  const drift = (changes: object, digest?: string) =>
    deliveryDrift({ ...wanted, ...(digest ? { digest } : {}) }, "unidesk-frontend", {
      ...service,
      images: { [commitA]: { ...image, ...changes } },
    });

  test("is as declared", () => {
    expect(drift({})).toBeUndefined();
    expect(drift({}, digestB)).toBeUndefined();
  });

  test.each([
    ["missing", deliveryDrift(wanted, "unidesk-frontend", { ...service, images: {} })],
    ["is of another commit", drift({ labels: { "org.opencontainers.image.revision": commitB } })],
    ["has no delivery record", drift({ record: undefined })],
    ["is not the delivered one", drift({ id: digestB })],
    ["was delivered by another digest", drift({}, digestA)],
  ])("fails if the image %s", (text, found) => expect(found).toBe(`image unidesk-frontend:a1a1a1a ${text}`));
});

describe("a deployment", () => {
  const drift = (changes: Partial<ObservedService>, target: Partial<ComposeTarget> = {}) =>
    deploymentDrift(wanted, composeTarget(target), { ...service, ...changes });
  const ofContainer = (changes: object) => drift({ container: { ...live, ...changes } });
  const ofKeys = (changes: object) => drift({ envKeys: { ...envKeys, ...changes } });

  test("is as declared", () => {
    expect(drift({})).toBeUndefined();
    expect(ofContainer({ deployEnv: { UNIDESK_DEPLOY_REQUESTED_COMMIT: commitA } })).toBeUndefined();
  });

  // A container that crashes again and again is seen running or restarting, by chance.
  test("fails alike if the container runs unhealthily or is restarting", () => {
    const unanswered = { status: 0, body: "", where: "here" };
    expect(ofContainer({ status: "restarting", health: unanswered })).toBe("not healthy");
    expect(ofContainer({ health: unanswered })).toBe("not healthy");
  });

  const another = { "org.opencontainers.image.revision": commitB };
  test.each([
    ["container missing", drift({ container: undefined })],
    ["live commit b2b2b2b, pinned a1a1a1a", ofContainer({ imageLabels: another })],
    ["live commit unknown, pinned a1a1a1a", ofContainer({ imageLabels: {} })],
    ["container exited", ofContainer({ status: "exited" })],
    ["container runs another image of the same commit", ofContainer({ imageId: digestB })],
    [
      "container unidesk-frontend runs under the name unidesk-frontend-1",
      drift({ container: undefined, otherNames: ["unidesk-frontend-1"] }),
    ],
    ["more containers than one: unidesk-frontend-2", drift({ otherNames: ["unidesk-frontend-2"] })],
    ["stable tag moved to another image", drift({ stableImageId: digestB })],
    ["stable tag moved to another image", drift({ stableImageId: undefined })],
    [`env file key ${prefix}COMMIT changed`, ofKeys({ [`${prefix}COMMIT`]: commitB })],
    [`env file key ${prefix}REQUESTED_COMMIT changed`, ofKeys({ [`${prefix}REQUESTED_COMMIT`]: undefined })],
    [`env file key ${prefix}DIGEST changed`, ofKeys({ [`${prefix}DIGEST`]: digestA })],
    [`env file key ${prefix}IMAGE changed`, ofKeys({ [`${prefix}IMAGE`]: `unidesk-frontend:${commitA}` })],
    ["env file cannot be read", drift({ envKeys: undefined })],
    ["container was asked for another commit", ofContainer({ deployEnv: {} })],
    ["health says another deploy.commit", ofContainer({ health: health(commitB) })],
    ["health says another deploy.requestedCommit", ofContainer({ health: health(commitA, commitB) })],
    ["not healthy", ofContainer({ health: health(commitA, commitA, 503) })],
    ["deploy labels changed", drift({}, { deployLabels: true })],
    [
      "gate /stats skipped not passed",
      drift(
        { container: { ...live, gates: [{ status: 200, body: '{"skipped":0}', where: "here" }] } },
        { gates: [{ verdict: "absent", path: "/stats", keys: ["skipped"], remedy: "pin another" }] },
      ),
    ],
  ])("fails if %s", (text, found) => expect(found).toBe(text));
});

test.each([
  [undefined, false],
  ["env file key UNIDESK_FRONTEND_DEPLOY_IMAGE changed", false],
  ["stable tag moved to another image", false],
  ["container exited", true],
  ["env file cannot be read", true],
])("%s: has a new container made: %s", (drift, made) => expect(recreates(drift)).toBe(made));
