import { expect, test } from "vitest";
import { checkValue } from "../../lib/config/json-file.ts";
import { registryPlan } from "../../lib/registry/plan.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";

const plan = registryPlan(checkValue({}, "registry", RegistrySettings), { home: "/home/ubuntu" });

test("the plan's shape is a contract", () => {
  expect(Object.keys(plan)).toEqual(["architectureBoundary", "dependencies", "defaultPaths", "artifactCdFlow"]);
  expect(plan.defaultPaths).toEqual({
    unit: "/etc/systemd/system/unidesk-artifact-registry.service",
    config: "/home/ubuntu/.unidesk/artifact-registry/config.yml",
    compose: "/home/ubuntu/.unidesk/artifact-registry/compose.yml",
    storage: "/home/ubuntu/.unidesk/registry-storage",
    endpoint: "http://127.0.0.1:5000",
    composeProject: "unidesk-artifact-registry",
    container: "unidesk-artifact-registry",
  });
});

test("the plan follows the settings", () => {
  const settings = checkValue({ image: "registry:2.8.2", port: 5001, name: "second" }, "registry", RegistrySettings);
  const other = registryPlan(settings, { home: "/srv" });
  expect(other.dependencies).toContain("registry:2.8.2");
  expect(other.defaultPaths).toMatchObject({
    endpoint: "http://127.0.0.1:5001",
    storage: "/srv/.unidesk/registry-storage",
  });
  expect(other.architectureBoundary[0]).toContain("127.0.0.1:5001");
});
