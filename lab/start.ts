/** `npm start`: the main job on real hosts, from nothing to every service deployed and empty diffs. */
import { join } from "node:path";
import { Listr } from "listr2";
import colors from "picocolors";
import { type Pin, readPins } from "../lib/config/deploy-file.ts";
import { shortCommit } from "../lib/config/values.ts";
import { registryStack, stackName } from "../lib/stack-names.ts";
import { LabError } from "./errors.ts";
import { deploy, planOf, quietly, root, show } from "./start/commands.ts";

const olderPins = join("lab", "pins", "older.json");
const pinned = deployable(readPins(join(root, "deploy.json")));
const older = deployable(readPins(join(root, olderPins)));
const stacks = [...new Set(pinned.map(stackOf))];
let step = 0;

try {
  await start();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

async function start(): Promise<void> {
  heading("Lab: two hosts with systemd, SSH and Docker");
  await show("tsx", ["lab/cli.ts", "up"]);

  heading(`Registry on d601's loopback: cdktf deploy ${registryStack}`);
  await deploy([registryStack]);

  heading("Publish every service in two commits: built on d601 from pushed Git");
  await publish([...older, ...pinned]);

  heading(`Deploy the older commits (pins of ${olderPins}): cdktf deploy ${stacks.join(" ")}`);
  await deploy(stacks, { UNIDESK_DEPLOY_FILE: olderPins });

  heading("The dry run against deploy.json");
  for (const stack of stacks) {
    const plan = await planOf(stack);
    const frontend = plan.findIndex((line) => line.includes("frontend-deployment"));
    // One resource in full stands for the others, which look alike.
    console.log(colors.dim(`npx cdktf diff ${stack}`));
    console.log([...plan.slice(frontend, frontend < 0 ? 0 : frontend + 12), plan.at(-1)].join("\n"));
  }

  heading(`Deploy the pinned commits: cdktf deploy ${stacks.join(" ")}`);
  await deploy(stacks);

  heading("A second diff is empty");
  for (const stack of stacks) {
    const plan = await planOf(stack);
    const quiet = plan.some((line) => line.startsWith("No changes."));
    console.log(`${stack}: ${quiet ? "No changes. The hosts are as declared." : plan.join("\n")}`);
    if (!quiet) process.exitCode = 1;
  }

  heading("What is live, and what was deployed");
  for (const host of ["main-server", "d601"]) await show("tsx", ["lab/cli.ts", "ssh", host, "--", liveCommand()]);
  const columns = "custom-columns=NAMESPACE:.metadata.namespace,POD:.metadata.name,IMAGE:.spec.containers[0].image";
  await show("tsx", ["lab/cli.ts", "ssh", "d601", "--", `sudo k3s kubectl get pods -A -l app -o ${columns}`]);
  await show("node", ["bin/unidesk.js", "history", "--limit", "5"]);

  console.log(`
  ${colors.bold("Try next")}
  npm run lab -- ssh main-server              look around on a host
  npx cdktf diff ${stacks[0]}   the dry run, any time
  npx unidesk history                         every deployment, from the hosts
  npx unidesk registry render                 the registry's files with their SHA-256
  npm test                                    everything, on these hosts
  npm run lab -- down                         remove the hosts
  `);
}

/** What `cdktf deploy` applies without a person's approval. */
function deployable(pins: readonly Pin[]): Pin[] {
  return pins.filter(({ consumer }) => !consumer.planOnly && !consumer.supervised);
}

function stackOf({ service, environment, consumer }: Pin): string {
  return stackName(service, environment, consumer);
}

async function publish(pins: readonly Pin[]): Promise<void> {
  // Both environments may pin the same commit.
  const wanted = [...new Map(pins.map((pin) => [`${pin.service} ${pin.commit}`, pin])).values()];
  const publishing = wanted.map(({ service, commit }) => ({
    title: `${service} ${shortCommit(commit)}`,
    task: () => quietly("node", ["bin/unidesk.js", "artifact", "publish", "--service", service, "--commit", commit]),
  }));
  await new Listr(publishing, { concurrent: 3, fallbackRenderer: "simple" }).run();
}

/** Name, state and image of what runs in a host's Docker. */
function liveCommand(): string {
  return `docker ps --format '{{printf "%-28s %-9s %s" .Names .State .Image}}'`;
}

function heading(title: string): void {
  step += 1;
  console.log(`\n${colors.bold(colors.cyan(`${step}/8  ${title}`))}`);
}
