import { createInterface } from "node:readline";
import { execa } from "execa";
import * as z from "zod";
import { endInOrder } from "./end-in-order.ts";
import { initialize, type StackFolder, terraformVariables } from "./terraform.ts";

/** The needed part of Terraform's machine-readable output (`terraform apply -json`). */
const Message = z.object({
  type: z.string(),
  "@message": z.string().default(""),
  hook: z
    .object({
      resource: z.object({ addr: z.string() }).optional(),
      action: z.string().optional(),
      output: z.string().optional(),
      elapsed_seconds: z.number().optional(),
    })
    .optional(),
  diagnostic: z
    .object({
      severity: z.string(),
      summary: z.string(),
      detail: z.string().default(""),
      address: z.string().optional(),
    })
    .optional(),
});

export interface StackResult {
  readonly ok: boolean;
  /** Terraform's errors, without their frames. */
  readonly errors: readonly string[];
}

/**
 * Applies exactly one plan file; Terraform itself refuses it where the state has changed since. What happens is told
 * line by line, each with the address that it is about. An abort reaches Terraform as SIGINT: it ends its steps in order.
 */
export async function applyPlan(
  stack: StackFolder,
  plan: string,
  tell: (address: string, line: string) => void,
  signal: AbortSignal,
): Promise<StackResult> {
  const trouble = await initialize(stack);
  if (trouble !== undefined) return { ok: false, errors: [trouble] };
  const child = execa("terraform", ["apply", "-json", "-input=false", plan], {
    cwd: stack.path,
    preferLocal: true,
    localDir: stack.root,
    stdin: "ignore",
    reject: false,
    buffer: false,
    // A group of its own: a terminal's Ctrl-C would reach Terraform beside ours, and the second one makes it drop everything.
    detached: true,
    env: terraformVariables(stack.environment),
  });
  const stop = () => {
    if (child.pid !== undefined) endInOrder(child.pid).catch(() => child.kill("SIGINT"));
  };
  signal.addEventListener("abort", stop);
  const errors: string[] = [];
  const complaints: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString("utf8")));
  for await (const line of createInterface({ input: child.stdout })) {
    const message = parse(line);
    if (!message) continue;
    const { type, hook, diagnostic } = message;
    const address = hook?.resource?.addr ?? diagnostic?.address ?? "";
    // A step that ran anew leaves its predecessor to be forgotten: nothing happens there.
    if (hook?.action === "delete" && address.startsWith("null_resource.") && type !== "provision_progress") continue;
    if (type === "apply_start") tell(address, "begins");
    else if (type === "apply_complete") tell(address, `done in ${hook?.elapsed_seconds ?? 0} s`);
    else if (type === "apply_errored") tell(address, "failed");
    else if (type === "provision_progress") {
      for (const output of (hook?.output ?? "").split("\n").filter(isNews)) tell(address, output);
    } else if (diagnostic?.severity === "error") {
      errors.push([diagnostic.summary, diagnostic.detail].filter(Boolean).join("\n"));
    }
  }
  const { exitCode } = await child;
  signal.removeEventListener("abort", stop);
  if (exitCode === 0) return { ok: true, errors: [] };
  if (errors.length === 0) errors.push(complaints.join("").trim().slice(0, 2000) || `terraform ended with ${exitCode}`);
  return { ok: false, errors };
}

/** Terraform announces each command with its whole argument list, and each connection with all of its settings. */
const announcement =
  /^(Executing: |Connect(ing to remote host|ed!)| {2}(Host|User|Password|Private key|Certificate|SSH Agent|Checking Host Key|Target Platform|Bastion.*): )/;

function isNews(line: string): boolean {
  return line.trim() !== "" && !announcement.test(line);
}

/** A line that is not of the format, such as a launcher's warning, says nothing. */
function parse(line: string): z.infer<typeof Message> | undefined {
  try {
    return Message.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
