import { cpSync, rmSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import {
  containerFacts,
  d601Stack,
  devStack,
  home,
  mainServerStack,
  type RunOptions,
  registry,
  registryStack,
  useLabSite,
} from "../lab-support.ts";
import { driftMatrix } from "./matrix.ts";

const site = useLabSite();
const { first: older, second: pinned } = labCommits.unidesk;
const envFile = `${home}/unidesk/.state/compose.env`;

/** Only the services that are broken here: every run then looks at these alone. */
const pinsOf: Record<string, Pick<RunOptions, "pins" | "devPins">> = {
  [mainServerStack]: { pins: { frontend: { commit: pinned } } },
  [d601Stack]: { pins: { findjob: { commit: pinned } } },
  [devStack]: { devPins: { mdtodo: { commit: pinned } } },
};
const options = (stack: string, more: RunOptions) => ({ pins: {}, ...pinsOf[stack], ...more });
const diff = (stack: string, more: RunOptions = {}) => site.diff(stack, options(stack, more));
const deploy = (stack: string, more: RunOptions = {}) => site.deploy(stack, options(stack, more));

beforeAll(async () => {
  await deploy(registryStack);
  await site.publish("frontend", older);
  await site.publish("frontend", pinned);
  await site.publish("findjob", pinned);
  await site.publish("mdtodo", older);
  await site.publish("mdtodo", pinned);
  await deploy(mainServerStack, { pins: { frontend: { commit: older } } });
  await deploy(mainServerStack);
  await deploy(d601Stack);
  // Both images are in containerd then.
  await deploy(devStack, { devPins: { mdtodo: { commit: older } } });
  await deploy(devStack);
}, 600_000);

/** The trigger `repair` of a resource as the diff shows it. */
function repairOf(text: string, resource: string): string | undefined {
  const block = text.split("# null_resource.").find((part) => part.startsWith(`${resource} `));
  return /"repair" += (?:\S.* -> )?"(.*)"/.exec(block ?? "")?.[1];
}

describe("one apply converges, and the diff before it says why", () => {
  let last: string | undefined;
  for (const { broken, stack, host, script, resource, reason, after } of driftMatrix) {
    test(broken, async () => {
      await labExec(host, script, { timeoutMs: 200_000 });
      const shown = await diff(stack);
      const repair = repairOf(shown, resource);
      expect(repair ?? "no repair", shown).toMatch(/^(\d+|first): /);
      expect(repair, shown).toMatch(new RegExp(`: ${escapeRegExp(reason)}$`));
      expect(repair, "another value than the last repair's, or the diff would be quiet").not.toBe(last);
      last = repair;
      await deploy(stack);
      if (after) await labExec(host, after, { timeoutMs: 200_000 });
      expect(await diff(stack)).toContain("No changes.");
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
      const shown = await diff(mainServerStack, { cli: true });
      expect(shown).toContain("advice: frontend on main-server: a recreate would also pull in changed environment");
      expect(shown).not.toContain("by-hand");
      expect(shown).toContain("No changes.");
      expect(await deploy(mainServerStack)).toContain("No changes.");
    } finally {
      await labExec("main-server", `cat /root/env > ${envFile}; rm /root/env`);
    }
    expect(await containerFacts("main-server", "unidesk-frontend")).toEqual(before);
    expect(await diff(mainServerStack)).not.toContain("advice:");
  });
});

describe("an in-sync host yields no change", () => {
  test.for([registryStack, mainServerStack])("%s with observation off", async (stack) => {
    const shown = await diff(stack, { observe: "off" });
    expect(shown).toContain("No changes.");
  });

  test("with the host unreachable, and a warning that names the missing channel", async () => {
    const shown = await diff(mainServerStack, {
      hosts: (hosts) => {
        hosts["main-server"].port = 1;
      },
    });
    expect(shown).toContain("warning: infra-blocked (main-server:ssh): main-server was not observed");
    expect(shown).toContain("No changes.");
  });

  test("from an older copy of the state", async () => {
    const copy = `${site.stateFolder()}.old`;
    cpSync(site.stateFolder(), copy, { recursive: true });
    try {
      await labExec("main-server", "docker stop -t 1 unidesk-frontend");
      await deploy(mainServerStack);
      await deploy(mainServerStack, { pins: { frontend: { commit: older } } });
      await deploy(mainServerStack);
      cpSync(copy, site.stateFolder(), { recursive: true, force: true });
      expect(await diff(mainServerStack)).toContain("No changes.");
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
    await deploy(registryStack);
    await deploy(mainServerStack);
    expect([
      await containerFacts("main-server", "unidesk-frontend"),
      await containerFacts("d601", registry.name),
    ]).toEqual(before);
    expect(await diff(mainServerStack)).toContain("No changes.");
  });
});

describe("a diff does not lie", () => {
  test("a new pin shows the pin and no repair", async () => {
    const shown = await diff(mainServerStack, { pins: { frontend: { commit: older } } });
    expect(shown).toContain(`"${pinned}" -> "${older}"`);
    expect(repairOf(shown, "frontend-deployment")).toBeUndefined();
    expect(repairOf(shown, "frontend-delivery")).toBeUndefined();
  });

  test("another checkout deployed another pin: the state says the pin is applied, the diff says it is not", async () => {
    await deploy(mainServerStack, { state: "other", pins: { frontend: { commit: older } } });
    const shown = await diff(mainServerStack);
    expect(repairOf(shown, "frontend-deployment")).toMatch(
      new RegExp(`: live commit ${older.slice(0, 7)}, pinned ${pinned.slice(0, 7)}$`),
    );
    await deploy(mainServerStack);
    expect(await diff(mainServerStack)).toContain("No changes.");
  });

  test("two diffs without a change between them say the same", async () => {
    await labExec("main-server", "docker stop -t 1 unidesk-frontend");
    const first = repairOf(await diff(mainServerStack), "frontend-deployment");
    expect(repairOf(await diff(mainServerStack), "frontend-deployment")).toBe(first);
    await deploy(mainServerStack);
  });
});

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
