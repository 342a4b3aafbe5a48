/** `npm start`: the main job on real hosts, from nothing to a deployed service and an empty diff. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import colors from "picocolors";
import { readPins } from "../lib/config/deploy-file.ts";
import { defaultLabName, labName } from "../tools/paths.mjs";
import { labCommits } from "./commits.ts";
import { hostsFile } from "./hosts-file.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const olderPins = join("lab", "pins", "older.json");
const stack = "unidesk-prod-main-server";
// cdktf.json describes the default lab; another one describes itself.
const otherLab: Record<string, string> = labName === defaultLabName ? {} : { UNIDESK_HOSTS: hostsFile };
let step = 0;
const { first: older } = labCommits.unidesk;
const pinned =
  readPins(join(root, "deploy.json")).find(
    ({ service, environment }) => service === "frontend" && environment === "prod",
  )?.commit ?? older;

/** What of an apply's output a person wants to see while it runs. */
const interesting =
  /\((local|remote)-exec\): (?!Executing|Connecting|Connected| {2}| Container)|Plan:|No changes|Apply complete/;

heading("Lab: two hosts with systemd, SSH and Docker");
await show("tsx", ["lab/cli.ts", "up"]);

heading("Registry on d601's loopback: cdktf deploy d601-registry");
await deploy("d601-registry");

heading("Publish two commits of frontend: built on d601 from its pushed Git");
for (const commit of [older, pinned]) {
  await show("node", ["bin/unidesk.js", "artifact", "publish", "--service", "frontend", "--commit", commit]);
}

heading(`Deploy the older commit ${older.slice(0, 7)} (pins of ${olderPins})`);
await deploy(stack, { UNIDESK_DEPLOY_FILE: olderPins });

heading(`The dry run: cdktf diff ${stack} against deploy.json, which pins ${pinned.slice(0, 7)}`);
const dryRun = await plainLines(["diff", stack]);
console.log(
  dryRun
    .slice(
      dryRun.findIndex((line) => line.startsWith("Terraform will perform")),
      planLine(dryRun) + 1,
    )
    .join("\n"),
);

heading(`Deploy the pinned commit ${pinned.slice(0, 7)}`);
await deploy(stack);

heading("A second diff is empty");
const second = await plainLines(["diff", stack]);
const quiet = second.some((line) => line.startsWith("No changes."));
console.log(quiet ? "No changes. The hosts are as declared." : second.join("\n"));
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

/** Deploys a stack and shows the lines that matter; all of them where it fails. */
async function deploy(name: string, environment: Record<string, string> = {}): Promise<void> {
  const child = execa("cdktf", ["deploy", name, "--auto-approve"], { ...options(environment), all: true });
  for await (const line of child.iterable({ from: "all" })) {
    const plain = withoutFrame(line);
    if (interesting.test(plain)) console.log(plain.replace(/^null_resource\./, ""));
  }
  await child;
}

/** Output of a cdktf command without colours and without the stack's name in front. */
async function plainLines(args: readonly string[]): Promise<string[]> {
  const { stdout } = await execa("cdktf", args, options());
  return stdout.split("\n").map(withoutFrame);
}

function withoutFrame(line: string): string {
  return stripVTControlCharacters(line)
    .replace(new RegExp(`^(${stack}|d601-registry| {${stack.length}}| {13})  ?`), "")
    .trimEnd();
}

function planLine(lines: readonly string[]): number {
  return lines.findIndex((line) => line.startsWith("Plan:"));
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
    env: { CI: "1", CHECKPOINT_DISABLE: "1", ...otherLab, ...environment },
  } as const;
}

function heading(title: string): void {
  step += 1;
  console.log(`\n${colors.bold(colors.cyan(`${step}/8  ${title}`))}`);
}
