import { UserError } from "../errors.ts";
import { observeRegistry } from "../observe/host.ts";
import { registryFiles } from "../registry/files.ts";
import { judgeRegistry } from "../verdicts/registry-health.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import { onceMore } from "./patiently.ts";
import { restAfter } from "./rest.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** A restarted unit is active about a second before HTTP answers. */
const deadlineSeconds = 60;

/** Asserts that the registry is as declared; changes nothing. */
export async function registryHealth(spec: StepSpecs["registry-health"], context: StepContext): Promise<void> {
  const host = context.connection(spec.host);
  const files = registryFiles(spec.settings, host);
  const deadline = Date.now() + deadlineSeconds * 1000;
  for (;;) {
    const began = Date.now();
    const observed = await onceMore(() => observeRegistry(host, spec.settings));
    const verdict = judgeRegistry(observed, spec.settings, files, spec.host);
    if (verdict.decision === "healthy") {
      context.say("the registry is as declared, on loopback only");
      return;
    }
    if (Date.now() >= deadline) {
      throw new UserError({
        what: `the registry is not as declared (decision: ${verdict.decision})\n${renderReasons("registry", verdict.reasons)}`,
        found: `looked at it for ${deadlineSeconds} s`,
        remedy: `ssh to ${spec.host} and read: journalctl -a -u ${spec.settings.name} -n 50`,
      });
    }
    await restAfter(began);
  }
}
