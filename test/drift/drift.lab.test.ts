import { cpSync, rmSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { containerFacts, home, mainServerStack, registry, registryStack, useLabSite } from "../lab-support.ts";
import { driftMatrix } from "./matrix.ts";

const site = useLabSite();
const { first: older, second: pinned } = labCommits.unidesk;
const envFile = `${home}/unidesk/.state/compose.env`;

beforeAll(async () => {
  await site.deploy(registryStack);
  await site.publish("frontend", older);
  await site.publish("frontend", pinned);
  await site.deploy(mainServerStack, { pins: { frontend: { commit: older } } });
  await site.deploy(mainServerStack);
});

/** The trigger `repair` of a resource as the diff shows it. */
function repairOf(diff: string, resource: string): string | undefined {
  const block = diff.split("# null_resource.").find((part) => part.startsWith(`${resource} `));
  return /"repair" += (?:\S.* -> )?"(.*)"/.exec(block ?? "")?.[1];
}

describe("one apply converges, and the diff before it says why", () => {
  let last: string | undefined;
  for (const { broken, stack, host, script, resource, reason, after } of driftMatrix) {
    test(broken, async () => {
      await labExec(host, script);
      const diff = await site.diff(stack);
      const repair = repairOf(diff, resource);
      expect(repair ?? "no repair", diff).toMatch(/^(\d+|first): /);
      expect(repair, diff).toMatch(new RegExp(`: ${escapeRegExp(reason)}$`));
      expect(repair, "another value than the last repair's, or the diff would be quiet").not.toBe(last);
      last = repair;
      await site.deploy(stack);
      if (after) await labExec(host, after);
      expect(await site.diff(stack)).toContain("No changes.");
    });
  }
});

describe("foreign environment", () => {
  test("that a recreate would pull in is advice, and never repaired", async () => {
    const before = await containerFacts("main-server", "unidesk-frontend");
    await labExec(
      "main-server",
      `cp -p ${envFile} /root/env; sed -i 's/^UNIDESK_AUTH_USERNAME=.*/UNIDESK_AUTH_USERNAME=by-hand/' ${envFile}`,
    );
    try {
      const diff = await site.diff(mainServerStack);
      expect(diff).toContain("advice: frontend on main-server: a recreate would also pull in changed environment");
      expect(diff).not.toContain("by-hand");
      expect(diff).toContain("No changes.");
      expect(await site.deploy(mainServerStack)).toContain("No changes.");
    } finally {
      await labExec("main-server", `cat /root/env > ${envFile}; rm /root/env`);
    }
    expect(await containerFacts("main-server", "unidesk-frontend")).toEqual(before);
    expect(await site.diff(mainServerStack)).not.toContain("advice:");
  });
});

describe("an in-sync host yields no change", () => {
  test.for([registryStack, mainServerStack])("%s with observation off", async (stack) => {
    const diff = await site.diff(stack, { observe: "off" });
    expect(diff).toContain("No changes.");
  });

  test("with the host unreachable, and a warning that names the missing channel", async () => {
    const diff = await site.diff(mainServerStack, {
      hosts: (hosts) => {
        hosts["main-server"].port = 1;
      },
    });
    expect(diff).toContain("warning: infra-blocked (main-server:ssh): main-server was not observed");
    expect(diff).toContain("No changes.");
  });

  test("from an older copy of the state", async () => {
    const copy = `${site.stateFolder()}.old`;
    cpSync(site.stateFolder(), copy, { recursive: true });
    try {
      await labExec("main-server", "docker stop -t 1 unidesk-frontend");
      await site.deploy(mainServerStack);
      await site.deploy(mainServerStack, { pins: { frontend: { commit: older } } });
      await site.deploy(mainServerStack);
      cpSync(copy, site.stateFolder(), { recursive: true, force: true });
      expect(await site.diff(mainServerStack)).toContain("No changes.");
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  test("and no container id, from an empty state", async () => {
    const before = [
      await containerFacts("main-server", "unidesk-frontend"),
      await containerFacts("d601", registry.name),
    ];
    site.removeState();
    await site.deploy(registryStack);
    await site.deploy(mainServerStack);
    expect([
      await containerFacts("main-server", "unidesk-frontend"),
      await containerFacts("d601", registry.name),
    ]).toEqual(before);
    expect(await site.diff(mainServerStack)).toContain("No changes.");
  });
});

describe("a diff does not lie", () => {
  test("a new pin shows the pin and no repair", async () => {
    const diff = await site.diff(mainServerStack, { pins: { frontend: { commit: older } } });
    expect(diff).toContain(`"${pinned}" -> "${older}"`);
    expect(repairOf(diff, "frontend-deployment")).toBeUndefined();
    expect(repairOf(diff, "frontend-delivery")).toBeUndefined();
  });

  test("another checkout deployed another pin: the state says the pin is applied, the diff says it is not", async () => {
    await site.deploy(mainServerStack, { state: "other", pins: { frontend: { commit: older } } });
    const diff = await site.diff(mainServerStack);
    expect(repairOf(diff, "frontend-deployment")).toMatch(
      new RegExp(`: live commit ${older.slice(0, 7)}, pinned ${pinned.slice(0, 7)}$`),
    );
    await site.deploy(mainServerStack);
    expect(await site.diff(mainServerStack)).toContain("No changes.");
  });

  test("two diffs without a change between them say the same", async () => {
    await labExec("main-server", "docker stop -t 1 unidesk-frontend");
    const first = repairOf(await site.diff(mainServerStack), "frontend-deployment");
    expect(repairOf(await site.diff(mainServerStack), "frontend-deployment")).toBe(first);
    await site.deploy(mainServerStack);
  });
});

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
