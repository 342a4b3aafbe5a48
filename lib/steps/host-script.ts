import { mustRun } from "../ssh/script.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Runs one script on a host that Terraform's own SSH cannot reach. */
export async function hostScript(spec: StepSpecs["host-script"], context: StepContext): Promise<void> {
  const output = await mustRun(context.connection(spec.host), spec.purpose, spec.script, [], {
    input: spec.input,
    timeoutSeconds: 180,
    onProgress: (line) => context.say(line),
  });
  for (const line of output.split("\n").filter(Boolean)) context.say(line);
}
