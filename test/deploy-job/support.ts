import { afterAll, beforeAll } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import type { ComposeTarget } from "../../lib/compose/target.ts";
import { confirmSlackSeconds } from "../../lib/deploy-job/job-spec.ts";
import { HistoryEntry } from "../../lib/history/entry.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import type { StepSpecs } from "../../lib/steps/specs.ts";
import { StepRunner } from "../lab-steps.ts";
import {
  containerFacts,
  fileOn,
  home,
  imageId,
  LabSite,
  lines,
  registryStack,
  registryStatus,
  until,
} from "../lab-support.ts";
import { composeTarget } from "../support.ts";

export const { first: older, second: newer, third, lies, neverHealthy, crash } = labCommits.unidesk;
export const container = "unidesk-frontend";
export const root = `${home}/unidesk`;
export const envFile = `${root}/.state/compose.env`;
export const jobs = `${hostPaths({ home }).deployJobs}/unidesk/frontend`;
/** Of a commit that nothing but its deadline ends: short, so that a job gives up soon. */
const shortSeconds = 12;
const isEndless = (commit: string) => commit === neverHealthy || commit === crash;

/** Frontend on main-server. */
export const target: ComposeTarget = composeTarget({
  root,
  envFile: { configJson: `${root}/config.json` },
  health: { port: 8080, path: "/health", deadlineSeconds: 60, commitFrom: "reply" },
});

export function deployment(commit: string, changes: Partial<ComposeTarget> = {}): StepSpecs["compose-deployment"] {
  const artifact = { service: "frontend", repository: "unidesk/frontend", commit };
  const health = { ...target.health, ...(isEndless(commit) ? { deadlineSeconds: shortSeconds } : {}) };
  return { artifact, target: { ...target, health, ...changes } };
}

/** Site and steps of a test file, with frontend's images of all these commits on main-server; frontend is put back after. */
export function useFrontend(commits: readonly string[]): { readonly site: LabSite; readonly steps: StepRunner } {
  const site = new LabSite();
  const steps = new StepRunner(site);
  let before: string | undefined;
  beforeAll(async () => {
    await site.open();
    if ((await registryStatus()) !== "200") await site.deploy(registryStack);
    for (const commit of commits) {
      if (await imageId("main-server", `${target.stableImage}:${commit}`)) continue;
      await site.publish("frontend", commit);
      await deliver(steps, commit);
    }
    before = await liveCommit().catch(() => undefined);
  });
  afterAll(async () => {
    try {
      if (before && (await liveCommit().catch(() => "")) !== before) {
        await site.publish("frontend", before);
        await deliver(steps, before);
        await steps.pass("compose-deployment", deployment(before), ["main-server"]);
      }
    } finally {
      await site.close();
    }
  });
  return { site, steps };
}

async function deliver(steps: StepRunner, commit: string): Promise<void> {
  const { artifact } = deployment(commit);
  const spec = {
    registry: { host: "d601", port: 5000 },
    target: "main-server",
    artifact,
    stableImage: target.stableImage,
  } as const;
  await steps.pass("image-delivery", spec, ["d601", "main-server"]);
}

/** `deploy` of frontend's health, asked by the container's own address. */
export async function liveCommit(name = container): Promise<string> {
  const address = `docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${name}`;
  const reply = await labExec("main-server", `curl -sSf --max-time 3 "http://$(${address}):8080/health"`);
  const { deploy } = JSON.parse(reply) as { deploy: { commit: string; requestedCommit: string } };
  return deploy.commit === deploy.requestedCommit
    ? deploy.commit
    : `${deploy.commit}, asked for ${deploy.requestedCommit}`;
}

/** The old container answers again: the job has given up by itself by then, and has a minute to go back. */
export function answersAgain(commit: string): Promise<void> {
  const bound = (shortSeconds + confirmSlackSeconds + 60) * 1000;
  return until(`frontend answers again at ${commit}`, bound, async () => (await liveCommit()) === commit);
}

export async function history(service = "frontend"): Promise<HistoryEntry[]> {
  const file = `${hostPaths({ home }).history}/${service}.jsonl`;
  const text = await labExec("main-server", `cat ${file} 2>/dev/null || true`);
  return lines(text).map((line) => HistoryEntry.parse(JSON.parse(line)));
}

/** Everything of frontend that a restore brings back; the env file whole, as it is compared and never printed. */
export async function frontendFacts() {
  const facts = await containerFacts("main-server", container);
  const { bytes, status } = await fileOn("main-server", envFile);
  return {
    imageId: facts?.imageId,
    stable: await labExec("main-server", "docker image inspect -f '{{.Id}}' unidesk-frontend 2>/dev/null || true"),
    env: bytes,
    envStatus: status.split(" ").slice(0, 2).join(" "),
  };
}

export async function isPending(): Promise<boolean> {
  return (await labExec("main-server", `[ -f ${jobs}/pending ] && echo yes || true`)) === "yes";
}

/** The new container is there and its job waits for a decision. */
export function untilReady(): Promise<void> {
  return until("the deploy job is ready to be verified", 120_000, async () => {
    const script = `. ${jobs}/pending && grep -q '^@ready' ${jobs}/$id/log && echo yes`;
    return (await labExec("main-server", ["bash", "-c", script])) === "yes";
  });
}

export function untilSettled(): Promise<void> {
  return until("nothing is pending and no job runs", 120_000, async () => {
    const state = await labExec("main-server", "systemctl show -p ActiveState --value unidesk-deploy-frontend");
    return state === "inactive" && !(await isPending());
  });
}

/** A person's own command on main-server. */
export function compose(command: string): Promise<string> {
  const project = `docker compose --project-name unidesk --project-directory ${root} -f ${root}/docker-compose.yml`;
  return labExec("main-server", `${project} --env-file ${envFile} ${command}`, { user: "ubuntu" });
}
