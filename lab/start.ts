/** `npm start`: the main job on real hosts, from nothing to a deployed service and an empty diff. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import colors from "picocolors";
import { labCommits } from "./commits.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const olderPins = join("lab", "pins", "older.json");
const stack = "unidesk-prod-main-server";
let step = 0;
const { first, second } = labCommits.unidesk;

/** What of an apply's output a person wants to see while it runs. */
const interesting =
  /\((local|remote)-exec\): (?!Executing|Connecting| {2}|Connected)|Plan:|No changes|Apply complete|Error|│/;

heading("Lab: two hosts with systemd, SSH and Docker");
await show("tsx", ["lab/cli.ts", "up"]);

heading("Registry on d601's loopback: cdktf deploy d601-registry");
await deploy("d601-registry");

heading("Publish two commits of frontend: built on d601 from its pushed Git");
for (const commit of [first, second]) {
  await show("node", ["bin/unidesk.js", "artifact", "publish", "--service", "frontend", "--commit", commit]);
}

heading(`Deploy the older commit ${first.slice(0, 7)} (pins of ${olderPins})`);
await deploy(stack, { UNIDESK_DEPLOY_FILE: olderPins });

heading(`The dry run: cdktf diff ${stack} against deploy.json, which pins ${second.slice(0, 7)}`);
await show("cdktf", ["diff", stack]);

heading(`Deploy the pinned commit ${second.slice(0, 7)}`);
await deploy(stack);

heading("A second diff is empty");
const diff = await execa("cdktf", ["diff", stack], options());
const quiet = diff.stdout.includes("No changes.");
console.log(quiet ? "No changes. The hosts are as declared." : diff.stdout);
if (!quiet) process.exitCode = 1;

heading("What is live");
await show("tsx", ["lab/cli.ts", "ssh", "main-server", "--", liveCommand()]);

console.log(`
${colors.bold("Try next")}
  npm run lab -- ssh main-server                  look around on a host
  npx cdktf diff ${stack}       the dry run, any time
  npx unidesk registry render                     the registry's files with their SHA-256
  edit deploy.json to pin ${labCommits.unidesk.third.slice(0, 7)}…              then publish it, diff, deploy
  npm test                                        everything, on these hosts
  npm run lab -- down                             remove the hosts
`);

/** Asks the container for its health, by its own address. */
function liveCommand(): string {
  const address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  return `docker ps --format 'table {{.Names}}\\t{{.Image}}\\t{{.Status}}'; curl -s http://$(docker inspect -f '${address}' unidesk-frontend):8080/health; echo`;
}

async function deploy(name: string, environment: Record<string, string> = {}): Promise<void> {
  const child = execa("cdktf", ["deploy", name, "--auto-approve"], { ...options(environment), all: true });
  for await (const line of child.iterable({ from: "all" })) {
    const plain = stripVTControlCharacters(line).trim();
    if (interesting.test(plain)) console.log(plain.replace(`${name}  `, ""));
  }
  await child;
}

async function show(file: string, args: readonly string[]): Promise<void> {
  await execa(file, args, { ...options(), stdout: "inherit", stderr: "inherit" });
}

function options(environment: Record<string, string> = {}) {
  // CI=1 makes the CDKTF CLI print plain lines; the checkpoint is a call home.
  return {
    cwd: root,
    preferLocal: true,
    stdin: "ignore",
    env: { CI: "1", CHECKPOINT_DISABLE: "1", ...environment },
  } as const;
}

function heading(title: string): void {
  step += 1;
  console.log(`\n${colors.bold(colors.cyan(`${step}/8  ${title}`))}`);
}
