import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { DeployPlan } from "../../lib/deploy-plan/schema.ts";
import type { Receipt } from "../../lib/review/receipt.ts";
import {
  checkout,
  containerFacts,
  d601Stack,
  devStack,
  home,
  mainServerStack,
  withRegistryStopped,
} from "../lab-support.ts";
import { storedFolder } from "../left-reviews.ts";
import {
  type Reviewed,
  readJson,
  removeFromContainerd,
  removeImage,
  sentBytes,
  serviceOf,
  useReviewLab,
} from "./lab.ts";

const { first, second, third } = labCommits.unidesk;
const lab = useReviewLab("review");
const validate = new Ajv({ allErrors: true }).compile(readJson(join(checkout, "schemas/review.schema.json")) as object);

test("nothing to do: exit 0, and nothing is written for anybody to apply", async () => {
  const { exitCode, report } = await lab.review();
  expect(exitCode).toBe(0);
  expect(report).toMatchObject({ decision: "nothing", offline: null, touched: [], destroys: [], findings: [] });
  expect(report.services.map(({ action }) => action)).toEqual(["none", "none", "none", "none", "none"]);
  expect(report.stacks.map(({ name, action }) => [name, action])).toEqual([
    [mainServerStack, "none"],
    [d601Stack, "none"],
  ]);
  expect(report.totals).toEqual({ bytes: 0, seconds: 0, downtimeSeconds: 0 });
});

describe("three pins change", () => {
  const pins = {
    frontend: { commit: third },
    "project-manager": { commit: first, rollback: "the third one loses tasks" },
    mdtodo: { commit: first, rollback: "as project-manager" },
  };
  const options = lab.options(pins);
  let made: Reviewed;

  beforeAll(async () => {
    await removeImage("main-server", "frontend", third);
    await removeImage("main-server", "project-manager", first);
    await removeFromContainerd("mdtodo", first);
    made = await lab.review(options);
  });

  test("exit 2; from which commits to which, and why", () => {
    const { exitCode, report } = made;
    expect(exitCode).toBe(2);
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    expect(report).toMatchObject({ decision: "changes", destroys: [], warnings: [] });
    // Dev's stack is not reviewed, and nothing is pinned there: nobody knows whether something was.
    expect(report.findings).toMatchObject([
      { rule: "prod-after-dev", level: "warn", subject: "prod/frontend", allow: `review ${devStack} too` },
    ]);
    expect(report.sides.filter(({ service }) => service === "frontend")).toMatchObject([
      { environment: "prod", stack: mainServerStack, pinned: third, live: { state: "healthy", commit: second } },
      { environment: "dev", stack: devStack, pinned: null, live: { state: "unknown", commit: null } },
    ]);
    const frontend = serviceOf(report, "frontend");
    expect(frontend).toMatchObject({
      action: "deploy",
      interrupts: true,
      blockers: [],
      commits: { live: second, pinned: third, relation: "forward", ahead: 1, behind: 0, note: null },
      approval: { state: "not-needed" },
    });
    expect(frontend.reason).toBe(`pin changed: ${second.slice(0, 7)} is live, ${third.slice(0, 7)} is pinned`);
    expect(frontend.digest.live).toMatch(/^sha256:/);
    expect(frontend.digest.registry).toMatch(/^sha256:/);
    expect(frontend.digest.registry).not.toBe(frontend.digest.live);
    expect(frontend.commits.releaseLines).toEqual(["master"]);
    expect(frontend.commits.log.map(({ commit }) => commit)).toEqual([third]);
    expect(frontend.commits.log[0]?.paths).toEqual(expect.arrayContaining([expect.stringContaining("frontend/")]));

    expect(serviceOf(report, "project-manager")).toMatchObject({
      action: "deploy",
      commits: { live: second, pinned: first, relation: "backward", ahead: 0, behind: 1, log: [{ commit: second }] },
    });
    expect(serviceOf(report, "mdtodo")).toMatchObject({
      action: "deploy",
      interrupts: true,
      commits: { live: second, pinned: first, relation: "backward" },
    });
    for (const service of ["findjob", "pipeline"]) expect(serviceOf(report, service).action).toBe("none");
  });

  test("goes back to the commits that the plan of the deployment names, by what the hosts' history says", async () => {
    const { stdout } = await lab.site.unidesk(["deploy", "plan", "--env", "prod", "--json"], options);
    const { records } = DeployPlan.parse(JSON.parse(stdout));
    for (const name of Object.keys(pins)) {
      const { rollback } = serviceOf(made.report, name);
      const planned = records.find(({ service }) => service === name)?.rollback;
      expect([rollback.command, rollback.commit]).toEqual([planned?.command, planned?.previousCommit]);
      expect(rollback.imageInRegistry === null).toBe(rollback.commit === null);
    }
  });

  test("what is touched, and what is not", () => {
    const { touched, untouched } = made.report;
    const none = { containers: [], deployments: [], namespaces: [], files: [] };
    expect(touched).toEqual([
      { ...none, host: "d601", deployments: ["unidesk/mdtodo"], namespaces: ["unidesk"] },
      { ...none, host: "main-server", containers: ["project-manager-backend", "unidesk-frontend"] },
    ]);
    expect(untouched).toEqual([{ ...none, host: "d601", containers: ["findjob-backend", "pipeline-backend"] }]);
  });

  test("a second look has the same fingerprint; comment, page and table say the same", async () => {
    const page = join(lab.site.folder, "review.html");
    const outcome = await lab.site.unidesk(
      ["review", mainServerStack, d601Stack, "--markdown", "--html", page],
      options,
    );
    expect(outcome.exitCode).toBe(2);
    const comment = outcome.stdout.trimEnd();
    expect(comment.split("\n").at(-1)).toBe(`<!-- unidesk-fingerprint: ${made.report.fingerprint} -->`);
    expect(comment.length).toBeLessThan(65_536);
    const html = readFileSync(page, "utf8");
    expect(html).toContain(made.report.fingerprint);
    expect(html).toContain("unidesk-frontend");

    const table = await lab.site.unidesk(["review", mainServerStack, d601Stack], options);
    expect(table.exitCode).toBe(2);
    expect(table.stdout).toContain(`npx unidesk apply --reviewed ${made.report.fingerprint}`);
    expect(readJson(join(storedFolder(made.report.fingerprint), "report.json"))).toMatchObject({
      fingerprint: made.report.fingerprint,
      services: made.report.services,
      stacks: made.report.stacks,
    });
  });

  test("fails if a pin goes back without a note", async () => {
    const { exitCode, report } = await lab.review(lab.options({ ...pins, "project-manager": { commit: first } }));
    expect(exitCode).toBe(1);
    expect(report.decision).toBe("error");
    expect(report.findings.filter(({ level }) => level === "deny")).toEqual([
      expect.objectContaining({ rule: "backward-needs-note", subject: "prod/project-manager" }),
    ]);
  });

  test("fails if dev runs another commit and prod's stack alone is named", async () => {
    const ahead = lab.options({ mdtodo: { commit: third } }, { devPins: { mdtodo: { commit: second } } });
    const { exitCode, report } = await lab.review(ahead, [d601Stack]);
    expect(exitCode).toBe(1);
    expect(report.stacks.map(({ name }) => name)).toEqual([d601Stack]);
    expect(report.findings).toMatchObject([{ rule: "prod-after-dev", level: "deny", subject: "prod/mdtodo" }]);
    expect(report.findings[0]?.message).toMatch(/while dev runs (nothing of it|[0-9a-f]{7})$/);
  });

  test("the predicted bytes are the ones that the registry sends, within 2 %; the measured ones exactly", async () => {
    let receipt: Receipt | undefined;
    const sent = await sentBytes(async () => {
      receipt = await lab.receipt(made.report.fingerprint, options);
      expect(receipt).toMatchObject({ result: "applied" });
    });
    const counted = receipt?.services.map(({ service, measured }) => [service, measured.bytes]) ?? [];
    expect(Object.fromEntries(counted)).toEqual(sent);
    for (const name of Object.keys(pins)) {
      const { transfer } = serviceOf(made.report, name);
      expect(transfer.exact).toBe(true);
      expect(transfer.missingLayers).toBeGreaterThan(0);
      expect(transfer.diskBytes).toBeGreaterThan(transfer.bytes ?? 0);
      const [predicted, measured] = [transfer.bytes ?? Number.NaN, sent[name] ?? Number.NaN];
      expect(Math.abs(predicted - measured), `${name}: predicted ${predicted}, sent ${measured}`).toBeLessThanOrEqual(
        0.02 * measured,
      );
    }
    const total = Object.values(sent).reduce((sum, bytes) => sum + bytes, 0);
    expect(Object.keys(sent).sort()).toEqual(Object.keys(pins).sort());
    expect(Math.abs((made.report.totals.bytes ?? Number.NaN) - total)).toBeLessThanOrEqual(0.02 * total);
    await lab.reset();
  });
});

describe("the hosts are not as declared", () => {
  test("drift, a first deployment, a pin that was taken out", async () => {
    const paths = `${home}/.unidesk/deploy-history/pipeline.jsonl`;
    await labExec("main-server", "docker stop project-manager-backend");
    await labExec("d601", `docker rm -f pipeline-backend; mv ${paths} ${paths}.aside`);
    try {
      const { exitCode, report } = await lab.review(lab.options({ findjob: undefined }));
      expect(exitCode).toBe(2);
      const stopped = serviceOf(report, "project-manager");
      expect(stopped).toMatchObject({ action: "repair", commits: { relation: "same" }, transfer: { bytes: 0 } });
      expect(stopped.reason).toMatch(/^drift: /);
      const removed = serviceOf(report, "pipeline");
      expect(removed).toMatchObject({
        action: "first-deploy",
        interrupts: false,
        commits: { live: null, relation: "first" },
      });
      expect(serviceOf(report, "findjob")).toMatchObject({ action: "forget", interrupts: false });
      expect(report.touched.flatMap(({ containers }) => containers)).toEqual([
        "pipeline-backend",
        "project-manager-backend",
      ]);
      expect(report.untouched.flatMap(({ containers }) => containers)).toContain("findjob-backend");
    } finally {
      await labExec("d601", `rm -f ${paths}; mv ${paths}.aside ${paths}`);
    }
    const { report } = await lab.review();
    expect(serviceOf(report, "pipeline")).toMatchObject({
      action: "repair",
      reason: expect.stringMatching(/^drift: /),
    });
    await lab.reset();
  });

  test("a state that was lost: everything is taken over, and nothing is interrupted", async () => {
    const ids = () =>
      Promise.all([containerFacts("main-server", "unidesk-frontend"), containerFacts("d601", "findjob-backend")]);
    const before = await ids();
    lab.site.removeState("review");
    const { exitCode, report } = await lab.review();
    expect(exitCode).toBe(2);
    expect(report.services.map(({ action, interrupts }) => [action, interrupts])).toEqual(
      report.services.map(() => ["adopt", false]),
    );
    expect(report).toMatchObject({ touched: [], destroys: [], totals: { bytes: 0, downtimeSeconds: 0 } });
    const receipt = await lab.receipt(report.fingerprint, lab.options());
    expect(receipt.result).toBe("applied");
    expect(await ids()).toEqual(before);
    expect((await lab.review()).exitCode).toBe(0);
  });
});

describe("what cannot be seen is unknown", () => {
  const options = lab.options({ frontend: { commit: third } });

  test("the registry is down", async () => {
    const { exitCode, report } = await withRegistryStopped(() => lab.review(options, [mainServerStack]));
    expect(exitCode).toBe(2);
    const frontend = serviceOf(report, "frontend");
    expect(frontend.digest.registry).toBeNull();
    expect(frontend.rollback.imageInRegistry).toBeNull();
    expect(report.warnings.join("\n")).toContain("the registry was not asked, so that bytes and digests are unknown");
  });

  test("the registry is down, and the image is not there either", async () => {
    await removeImage("main-server", "frontend", first);
    const pins = lab.options({ frontend: { commit: first, rollback: "a test" } });
    const { exitCode, report } = await withRegistryStopped(() => lab.review(pins, [mainServerStack]));
    expect(exitCode).toBe(2);
    expect(serviceOf(report, "frontend").transfer).toMatchObject({ bytes: null, missingLayers: null });
    expect(report.totals.bytes).toBeNull();
  });

  test("the source repository is not where the site says", async () => {
    const { exitCode, report } = await lab.review(
      {
        ...options,
        hosts: ({ d601 }) => {
          for (const repository of Object.keys(d601.git ?? {})) {
            Object.assign(d601.git ?? {}, { [repository]: `${home}/git/not-there.git` });
          }
        },
      },
      [mainServerStack],
    );
    expect(exitCode).toBe(2);
    const { commits, blockers } = serviceOf(report, "frontend");
    expect(commits).toMatchObject({ live: second, pinned: third, relation: "unknown", ahead: null, behind: null });
    expect(commits).toMatchObject({ releaseLines: null, log: [] });
    expect(blockers).toEqual([]);
    expect(report.warnings.join("\n")).toContain("not-there.git");
  });

  test("nobody looks at the hosts: every rendering says so first", async () => {
    const offline = { ...options, observe: "off" as const, env: { TF_CLI_ARGS_plan: "-refresh=false" } };
    const table = await lab.site.unidesk(["review", mainServerStack], offline);
    expect(table.exitCode).toBe(2);
    expect(table.stdout.split("\n")[0]).toMatch(/^OFFLINE: the hosts were not looked at/);
    const { report } = await lab.review(offline, [mainServerStack]);
    expect(serviceOf(report, "frontend")).toMatchObject({
      action: "deploy",
      commits: { live: null, relation: "unknown" },
      digest: { live: null, registry: null },
      transfer: { bytes: null },
      rollback: { commit: null, imageOnTarget: null, imageInRegistry: null },
    });
  });
});

test("fails if the stack is unknown, with a code that is not the one of changes", async () => {
  const outcome = await lab.site.unidesk(["review", "no-such-stack"], lab.options());
  expect(outcome.output).toContain("unknown stack");
  expect(outcome.exitCode).toBe(1);
});
