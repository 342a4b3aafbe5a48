import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import type { SSHProvisionerConnection } from "cdktf";
import { Construct } from "constructs";
import type { Connection } from "../lib/config/hosts.ts";
import { receiptPath, writeReceiptFunction } from "../lib/receipts.ts";
import { shellCommand, shellQuote } from "../lib/ssh/quote.ts";
import { escapeAll, lifecycleOf, type Mended, repairOfSelf, type StepRuntime, stepProvisioner } from "./apply-step.ts";
import { escapeTemplate } from "./template.ts";

export interface HostResourceProps extends Mended {
  readonly runtime: StepRuntime;
  readonly host: Connection;
  /** Completes the sentence "could not …" in errors. */
  readonly purpose: string;
  /** POSIX shell, convergent; it begins under `set -eu`. */
  readonly script: string;
  /** Text that lies at `path` when the script starts. @default - none */
  readonly upload?: { readonly path: string; readonly content: string };
  /** What a reviewer reads in the diff. */
  readonly facts: Readonly<Record<string, string>>;
  /** Resources that come first. @default - none */
  readonly dependsOn?: readonly HostResource[];
  /** Run again whenever one of these changes. @default - only its own facts count */
  readonly after?: readonly HostResource[];
}

/**
 * A script that Terraform's own SSH provisioners (`file`, `remote-exec`) run on a host, with the host
 * key verified. They can neither reach the runner itself nor verify a bastion's key before Terraform
 * 1.16, so for a local host and behind a proxy a step with the OpenSSH client runs the same script.
 * A changed fact replaces the resource, which runs the script; destroying it does nothing.
 */
export class HostResource extends Construct {
  readonly resource: Resource;

  constructor(scope: Construct, id: string, props: HostResourceProps) {
    super(scope, id);
    const after = (props.after ?? []).map(({ resource }) => resource);
    this.resource = new Resource(this, "Resource", {
      triggers: { ...escapeAll(props.facts), repair: escapeTemplate(props.repair.value) },
      dependsOn: [...(props.dependsOn ?? []).map(({ resource }) => resource), ...after],
      lifecycle: lifecycleOf(props.repair.ignore, after),
      provisioners: reachesByTerraform(props.host) ? terraformProvisioners(id, props) : [openSshProvisioner(props)],
    });
    this.resource.overrideLogicalId(id);
  }
}

/** Whether Terraform's SSH can reach a host and verify every key on the way. */
export function reachesByTerraform(host: Connection): boolean {
  return host.kind === "ssh" && host.proxyJump === undefined && host.proxyCommand === undefined;
}

/** Connection of Terraform's SSH. The private key is read by Terraform; its text is in no file of ours. */
export function terraformConnection(host: Connection, scriptName: string): SSHProvisionerConnection {
  return {
    type: "ssh",
    host: host.address,
    port: host.port,
    user: host.user,
    hostKey: preferredHostKey(host.hostKeys),
    timeout: "20s",
    scriptPath: `${host.home}/.unidesk-${scriptName}.sh`,
    ...(host.identityFile
      ? { privateKey: `\${file(${JSON.stringify(escapeTemplate(host.identityFile))})}`, agent: "false" }
      : { agent: "true" }),
  };
}

/** Terraform negotiates the host's ECDSA key where it has one, and takes a single key only. */
function preferredHostKey(hostKeys: readonly string[]): string {
  const ofType = (type: string) => hostKeys.find((line) => line.startsWith(type));
  const key = ofType("ecdsa-") ?? ofType("ssh-ed25519") ?? hostKeys[0];
  // With an empty key Terraform would accept any host.
  if (!key) throw new Error("a host without a pinned key is never contacted");
  return key;
}

function terraformProvisioners(id: string, { host, script, upload, receipt }: HostResourceProps) {
  const connection = terraformConnection(host, id);
  const file = shellCommand([receiptPath(host, receipt.key), receipt.spec]);
  const leaveReceipt = `${escapeTemplate(`${writeReceiptFunction}write_receipt ${file}`)} '${repairOfSelf}'`;
  return [
    ...(upload
      ? [{ type: "file" as const, connection, destination: upload.path, content: escapeTemplate(upload.content) }]
      : []),
    // A subshell, so that a script may end early.
    { type: "remote-exec" as const, connection, inline: [`set -eu\n(\n${escapeTemplate(script)}\n)\n${leaveReceipt}`] },
  ];
}

function openSshProvisioner({ runtime, host, purpose, script, upload, receipt }: HostResourceProps) {
  const stage = upload ? `cat > ${shellQuote(upload.path)}\n` : "";
  const spec = { host: host.name, purpose, script: `set -eu\n${stage}${script}`, input: upload?.content ?? "" };
  return stepProvisioner(runtime, "host-script", [host.name], spec, { host: host.name, ...receipt });
}
