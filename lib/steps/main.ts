/** Entry of the bundle that apply runs: `node <bundle> <step>`. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { refuseInCodeQueueTask } from "../approval/code-queue-task.ts";
import type { Approval, StepApproval } from "../approval/request.ts";
import { requireApproval } from "../approval/verify.ts";
import type { Connection, HostName } from "../config/hosts.ts";
import { holdTunnel } from "../delivery/tunnel-holder.ts";
import { holderCommand, type TunnelRoute } from "../delivery/tunnel-protocol.ts";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import { operatorOf } from "../history/operator.ts";
import { holdApiTunnel } from "../kubernetes/api-tunnel-holder.ts";
import { type ApiTunnelRoute, apiTunnelCommand } from "../kubernetes/api-tunnel-protocol.ts";
import { kubernetesCredential, refusal } from "../kubernetes/credential.ts";
import { type CredentialSpec, credentialCommand } from "../kubernetes/credential-args.ts";
import { printableLines } from "../printable.ts";
import { receiptPath, writeReceiptFunction } from "../receipts.ts";
import { mustRun } from "../ssh/script.ts";
import { approvalGate } from "./approval-gate.ts";
import { artifactPreflight } from "./artifact-preflight.ts";
import { authSync } from "./auth-sync.ts";
import { healthCommitCheck, imageLabelCheck } from "./checks.ts";
import { composeDeployment } from "./compose-deployment.ts";
import { containerdImage } from "./containerd-image.ts";
import { stepVariables } from "./environment.ts";
import { hostScript } from "./host-script.ts";
import { imageDelivery } from "./image-delivery.ts";
import { k3sHealthCheck } from "./k3s-health-check.ts";
import { k3sNamespace } from "./k3s-namespace.ts";
import { k3sRollout } from "./k3s-rollout.ts";
import { planOnly } from "./plan-only.ts";
import { registryHealth } from "./registry-health.ts";
import { runIdOf } from "./run-id.ts";
import type { StepContext, StepName, StepReceipt, StepSpecs } from "./specs.ts";

const steps: { readonly [Name in StepName]: (spec: StepSpecs[Name], context: StepContext) => Promise<void> } = {
  "registry-health": registryHealth,
  "host-script": hostScript,
  "artifact-preflight": artifactPreflight,
  "image-delivery": imageDelivery,
  "compose-deployment": composeDeployment,
  "image-label-check": imageLabelCheck,
  "health-commit-check": healthCommitCheck,
  "approval-gate": approvalGate,
  "auth-sync": authSync,
  "k3s-namespace": k3sNamespace,
  "containerd-image": containerdImage,
  "k3s-rollout": k3sRollout,
  "k3s-health-check": k3sHealthCheck,
  "plan-only": planOnly,
};

const [, , word = "", ...rest] = process.argv;
try {
  if (word === credentialCommand) await printCredential(rest);
  else {
    verifyBundle(required(stepVariables.bundle));
    if (word === holderCommand) await holdTunnel(JSON.parse(required(stepVariables.tunnel)) as TunnelRoute);
    else if (word === apiTunnelCommand)
      await holdApiTunnel(JSON.parse(required(stepVariables.tunnel)) as ApiTunnelRoute);
    else await runStep(word as StepName);
  }
} catch (error) {
  report(error);
  process.exitCode = error instanceof UserError ? error.exitCode : exitCodes.no;
}

function report(error: unknown): void {
  const blocked = error instanceof InfraBlockedError ? "infra-blocked: " : "";
  process.stderr.write(`${blocked}${error instanceof UserError ? error.message : ((error as Error).stack ?? error)}\n`);
}

/** For the Kubernetes provider, which reads what is printed only where the exit code is 0. */
async function printCredential([bundle = "", spec = "", approval, applying]: readonly string[]): Promise<void> {
  // The process that holds the tunnel is started from here and verifies the same.
  process.env[stepVariables.bundle] = bundle;
  const output = async () => {
    verifyBundle(bundle);
    // Here and not in the steps alone: what Terraform's provider changes itself, such as a hand-edited Deployment, no step sees.
    if (applying !== "false") await verifiedApproval(approval);
    return kubernetesCredential(JSON.parse(spec) as CredentialSpec);
  };
  const text = await output().catch((error) => {
    report(error);
    return refusal(error);
  });
  process.stdout.write(`${text}\n`);
}

async function runStep<Name extends StepName>(name: Name): Promise<void> {
  const step = Object.hasOwn(steps, name) ? steps[name] : undefined;
  if (!step)
    throw new UserError({ what: "unknown step", found: name, allowed: Object.keys(steps).join(", ") }, exitCodes.usage);
  const spec = JSON.parse(required(stepVariables.spec)) as StepSpecs[Name];
  const connections = JSON.parse(required(stepVariables.connections)) as Connection[];
  const connection = (host: HostName) => {
    const found = connections.find(({ name: candidate }) => candidate === host);
    if (!found) throw new Error(`step ${name} was not given a connection to ${host}`);
    return found;
  };
  const receiptText = process.env[stepVariables.receipt];
  const receipt = receiptText ? (JSON.parse(receiptText) as StepReceipt) : undefined;
  const approval = await verifiedApproval(process.env[stepVariables.approval]);
  await step(spec, {
    connection,
    say: (line) => process.stdout.write(`${printableLines(line)}\n`),
    runId: runIdOf(),
    operator: operatorOf(process.env),
    ...(receipt ? { receipt } : {}),
    ...(approval ? { approval } : {}),
  });
  if (receipt) await leaveReceipt(receipt, connection);
}

/** Of a supervised step: the gate ran before it, but an apply can begin anywhere and take its time. */
async function verifiedApproval(text: string | undefined): Promise<Approval | undefined> {
  if (!text) return undefined;
  const wanted = JSON.parse(text) as StepApproval;
  refuseInCodeQueueTask(process.env, `applying ${wanted.request.service}`);
  return requireApproval(wanted);
}

/** Proof on the host that this spec was applied there, with the repair that was asked for. */
async function leaveReceipt({ host, key, spec }: StepReceipt, connection: StepContext["connection"]): Promise<void> {
  const target = connection(host);
  const args = [receiptPath(target, key), spec, required(stepVariables.repair)];
  await mustRun(target, "write the receipt", `set -eu\n${writeReceiptFunction}\nwrite_receipt "$@"`, args);
}

/** A plan carries the hash of the bundle that it was made with; another bundle would do something that nobody reviewed. */
function verifyBundle(expected: string): void {
  const found = createHash("sha256")
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest("hex");
  if (found !== expected) {
    throw new UserError({
      what: "the step bundle is not the one that was planned",
      found,
      allowed: expected,
      remedy: "run cdktf diff again and review it",
    });
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new UserError({ what: `${name} is not set: steps are run by an apply` }, exitCodes.usage);
  return value;
}
