import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NullProvider } from "@cdktf/provider-null/lib/provider/index.js";
import { TerraformStack } from "cdktf";
import { describe, expect, test } from "vitest";
import { ArtifactRegistry } from "../../constructs/artifact-registry.ts";
import type { Connection } from "../../lib/config/hosts.ts";
import { checkValue } from "../../lib/config/json-file.ts";
import { nothingObserved, type SiteFacts } from "../../lib/observe/site.ts";
import { registryFiles } from "../../lib/registry/files.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import { Repairs } from "../../lib/repairs.ts";
import { failureOf, hostKeys, siteOf, sshHost, tempFolder } from "../support.ts";
import { appOf, provisionersOf, runtimeOf, synth } from "../synth.ts";

interface Given {
  readonly host?: Partial<Connection>;
  readonly settings?: Partial<RegistrySettings>;
  readonly observed?: SiteFacts;
}

function registry({ host: changes = {}, settings, observed = nothingObserved }: Given = {}) {
  const site = siteOf();
  const host = sshHost(changes);
  const stack = new TerraformStack(appOf(site), "d601-registry");
  new NullProvider(stack, "null");
  new ArtifactRegistry(stack, "registry", {
    runtime: runtimeOf({ connections: { ...site.connections, d601: host } }),
    host,
    repairs: new Repairs(site, "d601-registry", observed),
    ...(settings ? { settings } : {}),
  });
  return synth(stack);
}

const files = registryFiles(checkValue({}, "registry", RegistrySettings), { home: "/home/ubuntu" });
const managed = files.map(({ name }) => `registry-${name}`);
const all = [...managed, "registry-service", "registry-stop"];
const plain = registry();

test("the addresses are contract", () => {
  expect(Object.keys(plain.resources).sort()).toEqual([...all, "registry-health"].sort());
});

describe("triggers", () => {
  test.each(files.map((file) => [file.name, file] as const))("of the %s file say what lies there", (name, file) => {
    expect(plain.resources[`registry-${name}`]?.triggers).toEqual({
      path: file.path,
      sha256: file.sha256,
      content: file.content,
      repair: "",
    });
  });

  test("of service and health say what runs", () => {
    expect(plain.resources["registry-service"]?.triggers).toEqual({
      unit: "unidesk-artifact-registry.service",
      state: "enabled, active",
      image: "registry:2.8.3",
      repair: "",
    });
    expect(plain.resources["registry-health"]?.triggers).toEqual({
      listens: "127.0.0.1:5000",
      spec: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
  });

  test("of another image change where the image is, and nowhere else", () => {
    const other = registry({ settings: { image: "registry:2.8.2" } });
    const changed = Object.keys(plain.resources).filter(
      (name) => JSON.stringify(other.resources[name]?.triggers) !== JSON.stringify(plain.resources[name]?.triggers),
    );
    expect(changed.sort()).toEqual(["registry-compose", "registry-health", "registry-service"]);
  });
});

describe("order", () => {
  const addresses = managed.map((name) => `null_resource.${name}`);

  test("the service is restarted after any file, and the health is looked at after the service", () => {
    expect(plain.resources["registry-service"]).toMatchObject({
      depends_on: addresses,
      lifecycle: { replace_triggered_by: addresses },
    });
    expect(plain.resources["registry-health"]).toMatchObject({
      depends_on: ["null_resource.registry-service"],
      lifecycle: { replace_triggered_by: ["null_resource.registry-service"] },
    });
  });

  test("the files wait for nothing", () => {
    for (const name of managed) expect(plain.resources[name]?.depends_on).toEqual([]);
  });

  test("the stop comes first on destroy, and nothing but a destroy runs it", () => {
    const stop = plain.resources["registry-stop"];
    expect(stop).toMatchObject({ depends_on: ["null_resource.registry-service"] });
    expect(stop).not.toHaveProperty("triggers");
    expect(stop).not.toHaveProperty("lifecycle");
    expect(provisionersOf(stop).map(([type, { when }]) => [type, when])).toEqual([["remote-exec", "destroy"]]);
  });
});

describe("Terraform's SSH", () => {
  const connectionsOf = (given: Given) => {
    const { resources } = registry(given);
    return all.flatMap((name) => provisionersOf(resources[name]).map(([, { connection }]) => ({ name, connection })));
  };

  test("verifies the host's ECDSA key, within 20 s, with a script path of its own", () => {
    for (const { name, connection } of connectionsOf({ host: { port: 2222, identityFile: "/keys/id" } })) {
      expect(connection).toEqual({
        type: "ssh",
        host: "192.0.2.1",
        port: 2222,
        user: "ubuntu",
        host_key: hostKeys.ecdsa,
        timeout: "20s",
        script_path: `/home/ubuntu/.unidesk-${name}.sh`,
        private_key: `\${file("/keys/id")}`,
        agent: "false",
      });
    }
  });

  test("asks the agent where there is no key file", () => {
    for (const { connection } of connectionsOf({})) {
      expect(connection).toMatchObject({ agent: "true" });
      expect(connection).not.toHaveProperty("private_key");
    }
  });

  test.each([
    [[hostKeys.ed25519], hostKeys.ed25519],
    [["ssh-rsa AAAA", hostKeys.ed25519], hostKeys.ed25519],
    [["ssh-rsa AAAA"], "ssh-rsa AAAA"],
  ])("of %j takes %s", (keys, taken) => {
    for (const { connection } of connectionsOf({ host: { hostKeys: keys } })) {
      expect(connection).toMatchObject({ host_key: taken });
    }
  });

  test("no text of a private key is anywhere", () => {
    const identityFile = join(tempFolder(), "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identityFile]);
    const { text } = registry({ host: { identityFile } });
    const key = readFileSync(identityFile, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("-"));
    expect(key.length).toBeGreaterThan(3);
    for (const line of key) expect(text).not.toContain(line);
    expect(text).not.toContain("PRIVATE KEY");
  });
});

describe.each([
  ["on the runner itself", { kind: "local" }],
  ["behind a jump host", { proxyJump: "bastion" }],
  ["behind a proxy command", { proxyCommand: "nc %h %p" }],
] as const)("%s", (_, host) => {
  const { resources } = registry({ host });

  test("a step runs the same scripts; Terraform connects to nothing", () => {
    for (const name of all) {
      const [[type, step] = [], ...more] = provisionersOf(resources[name]);
      expect(more).toEqual([]);
      expect(type).toBe("local-exec");
      expect(step?.command).toBe("node /checkout/.unidesk/steps/steps.mjs host-script");
      expect(step).not.toHaveProperty("connection");
    }
    expect(provisionersOf(resources["registry-stop"]).map(([, { when }]) => when)).toEqual(["destroy"]);
  });

  test("the file travels as the step's input", () => {
    for (const { name, content } of files) {
      const [[, step] = []] = provisionersOf(resources[`registry-${name}`]);
      const spec = JSON.parse((step?.environment?.UNIDESK_STEP_SPEC ?? "").replaceAll("$${", "${"));
      expect(spec).toMatchObject({ host: "d601", input: content });
      expect(spec.script).toContain(`cat > /home/ubuntu/.unidesk-stage-unidesk-artifact-registry-${name}\n`);
    }
  });
});

test("no literal text is taken for a template", () => {
  for (const { text } of [plain, registry({ host: { kind: "local" } }), registry({ host: { identityFile: "/k" } })]) {
    const templates = text.match(/(?<!\$)\$\{[^}]*\}|(?<!%)%\{[^}]*\}/g) ?? [];
    expect([...new Set(templates)].sort()).toEqual(
      [`\${file(\\"/k\\")}`, `\${lookup(self.triggers, \\"repair\\", \\"\\")}`].filter((one) => text.includes(one)),
    );
  }
});

test.each(["0.0.0.0", "::", "192.168.1.1", "localhost"])("fails at synth if the address is %s", (address) => {
  const { message, exitCode } = failureOf(() => registry({ settings: { address } }));
  expect(message).toBe(
    `registry: address: found "${address}"; must be 127.0.0.1: the registry is bound to D601's loopback and never opened to a network`,
  );
  expect(exitCode).toBe(2);
});
