import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { defaultLabName, labName } from "../../tools/paths.mjs";
import { LabError } from "../errors.ts";
import { hostsFile } from "../hosts-file.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

// cdktf.json describes the default lab; another one describes itself.
const otherLab: Record<string, string> = labName === defaultLabName ? {} : { UNIDESK_HOSTS: hostsFile };

/** What of an apply's output a person wants to see while it runs. */
const interesting =
  /\((local|remote)-exec\): (?!Executing|Connecting|Connected| {2}| Container)|Plan:|No changes|Apply complete|Error:/;

/** Runs a command and shows all that it prints. */
export async function show(file: string, args: readonly string[]): Promise<void> {
  await execa(file, args, { ...options(), stdout: "inherit", stderr: "inherit" });
}

/** Runs a command that shows nothing unless it fails. */
export async function quietly(file: string, args: readonly string[]): Promise<void> {
  await execa(file, args, options());
}

/** Deploys stacks side by side and shows the lines that matter; all of them where it fails. */
export async function deploy(stacks: readonly string[], environment: Record<string, string> = {}): Promise<void> {
  const child = execa("cdktf", ["deploy", ...stacks, "--auto-approve"], {
    ...options(environment),
    all: true,
    reject: false,
  });
  const lines: string[] = [];
  for await (const line of child.iterable({ from: "all" })) {
    const plain = withoutFrame(line, stacks);
    lines.push(plain);
    if (interesting.test(plain)) console.log(plain.replace(/^null_resource\./, ""));
  }
  const { exitCode } = await child;
  if (exitCode === 0) return;
  console.error(lines.slice(lines.findIndex((line) => line.startsWith("│ Error:"))).join("\n"));
  throw new LabError(
    `cdktf deploy ${stacks.join(" ")} failed; the reason is above. The same command may be run again.`,
  );
}

/** The plan of one stack, from the first changed resource to the sum. */
export async function planOf(stack: string): Promise<string[]> {
  const { stdout } = await execa("cdktf", ["diff", stack], options());
  const lines = stdout.split("\n").map((line) => withoutFrame(line, [stack]));
  const from = lines.findIndex((line) => /^(Terraform|OpenTofu) will perform/.test(line));
  const to = lines.findIndex((line) => line.startsWith("Plan:") || line.startsWith("No changes."));
  return lines.slice(Math.max(from, 0), to + 1);
}

/** A line without colours and without the stack's name in front. */
function withoutFrame(line: string, stacks: readonly string[]): string {
  return stripVTControlCharacters(line)
    .replace(new RegExp(`^(${stacks.join("|")}| {13,})\\s{0,2}`), "")
    .trimEnd();
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
