import { afterEach, beforeAll, expect, test } from "vitest";
import { labCommits } from "../../lab/index.ts";
import { cli, digestIn, useRegistrySite } from "../artifacts/support.ts";
import { forgetTag, lines, pushByHand } from "../lab-support.ts";

const site = useRegistrySite();
const { first, unreleased } = labCommits.unidesk;
/** Pushed, and pinned nowhere. */
const note = labCommits.todoNote.first;
const services = ["frontend", "pipeline", "mdtodo"];

beforeAll(() => site.publish("pipeline", first));
afterEach(async () => {
  await Promise.all([...services.map((service) => forgetTag(service, unreleased)), forgetTag("todo-note", note)]);
});

interface Many {
  readonly ok: boolean;
  readonly artifacts: { readonly serviceId: string; readonly tag: string; readonly digest: string }[];
  readonly failed: { readonly serviceId: string; readonly error: { readonly what: string } }[];
  readonly leftOut?: { readonly serviceId: string; readonly reason: string }[];
}

const command = (args: readonly string[]) => ["artifact", "publish", ...args, "--json"];
const reportOf = ({ exitCode, stdout }: { exitCode: number; stdout: string }) => ({
  exitCode,
  report: JSON.parse(stdout) as Many,
});
const publish = async (...args: string[]) => reportOf(await cli(site, command(args)));
/** The same in a process of its own. */
const publishElsewhere = async (...args: string[]) => reportOf(await site.unidesk(command(args)));

test("several services at once, by two processes at once, end with one digest each", async () => {
  const [one, other] = await Promise.all([
    publishElsewhere("--service", "frontend", "pipeline", "--service", "mdtodo", "--commit", unreleased, "--jobs", "3"),
    publish("--service", "mdtodo,frontend,pipeline,frontend", "--commit", unreleased),
  ]);
  expect([one.exitCode, other.exitCode]).toEqual([0, 0]);
  expect(one.report).toMatchObject({ ok: true, failed: [] });
  expect(one.report.artifacts.map(({ serviceId }) => serviceId)).toEqual(["frontend", "pipeline", "mdtodo"]);
  const sorted = ({ artifacts }: Many) => artifacts.toSorted((a, b) => a.serviceId.localeCompare(b.serviceId));
  expect(sorted(other.report)).toEqual(sorted(one.report));
  for (const { serviceId, digest } of one.report.artifacts)
    expect(await digestIn(`unidesk/${serviceId}`, unreleased)).toBe(digest);
});

test("fails if one of several fails, says why at the end, and publishes the others", async () => {
  await pushByHand("pipeline", unreleased, first, { "dev.unidesk.service": "frontend" });
  const { exitCode, report } = await publish("--service", "pipeline,mdtodo", "--commit", unreleased);
  expect(exitCode).toBe(1);
  expect(report).toMatchObject({ ok: false, artifacts: [{ serviceId: "mdtodo", tag: unreleased }] });
  expect(report.failed).toHaveLength(1);
  expect(report.failed[0]).toMatchObject({
    serviceId: "pipeline",
    error: { what: expect.stringContaining("not overwritten") },
  });

  const human = await cli(site, ["artifact", "publish", "--service", "pipeline,mdtodo", "--commit", unreleased]);
  expect(human.exitCode).toBe(1);
  expect(human.stdout).toMatch(/^mdtodo +reused +sha256:[0-9a-f]{12}$/m);
  expect(human.stdout).toMatch(/^pipeline +failed +the tag is taken by another image/m);
  expect(human.output).toContain("pipeline: image label dev.unidesk.service: expected pipeline, found frontend");
});

test("--all publishes what the commit's repository builds and names what it leaves out", async () => {
  const { exitCode, report } = await publish("--all", "--commit", note);
  expect(exitCode).toBe(0);
  expect(report.artifacts.map(({ serviceId, tag }) => [serviceId, tag])).toEqual([["todo-note", note]]);
  expect(report.leftOut).toHaveLength(14);
  expect(report.leftOut).toContainEqual({
    serviceId: "frontend",
    reason: "https://github.com/pikasTech/unidesk does not have the commit",
  });
});

test("--all fails if no repository has the commit", async () => {
  const { exitCode, output } = await cli(site, ["artifact", "publish", "--all", "--commit", "ab".repeat(20)]);
  expect(exitCode).toBe(1);
  expect(lines(output)[0]).toBe("no source repository on d601 has the commit");
});
