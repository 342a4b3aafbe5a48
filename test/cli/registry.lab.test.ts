import { beforeAll, describe, expect, test } from "vitest";
import { labExec, startHost, stopHost } from "../../lab/index.ts";
import { registry, registryPaths, registryStack, registryStatus, until, useLabSite } from "../lab-support.ts";

const site = useLabSite("registry");
const unit = `${registry.name}.service`;

interface Report {
  readonly ok: boolean;
  readonly installed: boolean;
  readonly decision: string;
  readonly retryable: boolean;
  readonly healthyScopes: string[];
  readonly failedScopes: string[];
  readonly runtimeApiHealthy: boolean;
  readonly missingChannels: string[];
  readonly message: string;
}

async function ask(question: "status" | "health"): Promise<Report & { exitCode: number }> {
  const { exitCode, stdout } = await site.unidesk(["registry", question, "--json"]);
  return { ...(JSON.parse(stdout) as Report), exitCode };
}

beforeAll(() => site.deploy(registryStack));

test("healthy: both say so", async () => {
  const report = await ask("status");
  expect(report).toMatchObject({ exitCode: 0, ok: true, installed: true, decision: "healthy", failedScopes: [] });
  expect(await ask("health")).toEqual({ ...report });
});

/** Breaks the registry, asks both questions, and lets the stack mend it. */
async function broken(
  script: string,
): Promise<{ status: Report & { exitCode: number }; health: Report & { exitCode: number } }> {
  await labExec("d601", script);
  try {
    return { status: await ask("status"), health: await ask("health") };
  } finally {
    await site.deploy(registryStack);
  }
}

describe("a working API with a service that is not as declared is degraded, not an outage", () => {
  test.each([
    ["a unit file edited", `echo '# x' >> ${registryPaths.unit}`, ["files"]],
    ["a unit disabled", `systemctl disable ${unit}`, ["unit"]],
    ["a config edited", `echo '# x' >> ${registryPaths.config}`, ["files"]],
    [
      "a unit inactive, its container started by hand",
      `systemctl stop ${unit}; docker compose -p ${registry.name} -f ${registryPaths.compose} up -d; for try in $(seq 1 40); do curl -sf -o /dev/null http://127.0.0.1:5000/v2/ && break; sleep 0.5; done`,
      ["unit"],
    ],
  ])("%s", async (_, script, failedScopes) => {
    const { status, health } = await broken(script);
    expect(status).toMatchObject({
      exitCode: 0,
      ok: true,
      installed: true,
      decision: "service-degraded",
      failedScopes,
    });
    expect(status.runtimeApiHealthy).toBe(true);
    expect(status.message).toContain(
      "judges the registry only, not the host, SSH, k3sctl-adapter, scheduler or business services",
    );
    expect(health).toMatchObject({ exitCode: 1, ok: false, decision: "service-degraded" });
  });
});

test("stopped: unhealthy, and worth another try", async () => {
  const { status, health } = await broken(`systemctl stop ${unit}`);
  expect(status).toMatchObject({ exitCode: 0, ok: true, installed: true, decision: "unhealthy", retryable: true });
  expect(status.failedScopes).toEqual(expect.arrayContaining(["unit", "container", "api"]));
  expect(health).toMatchObject({ exitCode: 1, ok: false, runtimeApiHealthy: false });
});

test("an extra port beyond loopback is an outage of its purpose, however well the API answers", async () => {
  const { health } = await broken(
    `sed -i 's/^    ports:/    ports:\\n      - { target: 5000, published: "5001", host_ip: 0.0.0.0, protocol: tcp }/' ${registryPaths.compose}; systemctl restart ${unit}; for try in $(seq 1 40); do curl -sf -o /dev/null http://127.0.0.1:5000/v2/ && break; sleep 0.5; done`,
  );
  expect(health).toMatchObject({ exitCode: 1, decision: "unhealthy", runtimeApiHealthy: false });
  expect(health.failedScopes).toContain("listener");
});

test("not installed: status is ok, health is not", async () => {
  const { status, health } = await broken(
    `systemctl disable --now ${unit} 2>/dev/null || true; docker rm -f ${registry.name} >/dev/null 2>&1 || true; rm -rf ${registryPaths.unit} ${registryPaths.folder}; systemctl daemon-reload`,
  );
  expect(status).toMatchObject({ exitCode: 0, ok: true, installed: false, decision: "not-installed" });
  expect(health).toMatchObject({ exitCode: 1, ok: false, installed: false, decision: "not-installed" });
});

test("an unreachable host is infra-blocked, with the missing channel; doctor says the same", async () => {
  await stopHost("d601");
  try {
    for (const question of ["status", "health"] as const) {
      expect(await ask(question)).toMatchObject({
        exitCode: 3,
        ok: false,
        decision: "infra-blocked",
        retryable: true,
        missingChannels: ["d601:ssh"],
      });
    }
    const doctor = await site.unidesk(["doctor", "--json"]);
    expect(doctor.exitCode).toBe(1);
    const { checks } = JSON.parse(doctor.stdout) as {
      checks: { where: string; what: string; ok: boolean; remedy?: string }[];
    };
    expect(checks).toContainEqual(expect.objectContaining({ where: "d601", what: "d601:ssh", ok: false }));
    expect(checks.filter(({ where }) => where === "main-server").every(({ ok }) => ok)).toBe(true);
  } finally {
    await startHost("d601");
    await until("the registry answers again", 60_000, async () => (await registryStatus()) === "200");
  }
});

test("doctor finds nothing on healthy hosts, and what is missing on others", async () => {
  const healthy = await site.unidesk(["doctor"]);
  expect(healthy.output).toContain("all is well");
  expect(healthy.exitCode).toBe(0);
  for (const line of healthy.output.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const moved = await site.unidesk(["doctor", "--json"], {
    hosts: (hosts) => {
      hosts["main-server"].compose.file = "no-such-file.yml";
    },
  });
  expect(moved.exitCode).toBe(1);
  const { ok, checks } = JSON.parse(moved.stdout) as { ok: boolean; checks: { ok: boolean; found: string }[] };
  expect(ok).toBe(false);
  expect(checks.filter((check) => !check.ok)).toEqual([
    expect.objectContaining({
      what: "Compose project",
      found: expect.stringContaining("no-such-file.yml cannot be read"),
    }),
  ]);
});
