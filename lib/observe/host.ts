import type { Connection } from "../config/hosts.ts";
import { parseReceipt, type Receipt, type ReceiptKey, receiptPath, receiptsFolder } from "../receipts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { shellCommand } from "../ssh/quote.ts";
import { mustRun } from "../ssh/script.ts";
import { type AuthSubject, authProbes, type ObservedAuth, readAuth } from "./auth.ts";
import { type ComposeSubject, composeProbes, type ObservedService, readServices } from "./compose.ts";
import { type K3sSubject, k3sProbes, type ObservedK3s, readK3s } from "./k3s.ts";
import { type Probes, parseProbes, probeEnd, probePrelude } from "./probe.ts";
import { type ObservedRegistry, readRegistry, registryProbes } from "./registry.ts";

/** What to look at on one host. */
export interface HostSubject {
  /** @default - no registry on this host */
  readonly registry?: RegistrySettings;
  readonly services: readonly ComposeSubject[];
  /** Syncs that this host is the source or the target of. @default - none */
  readonly auth?: readonly AuthSubject[];
  /** Services on this host's cluster. @default - none */
  readonly k3s?: readonly K3sSubject[];
}

/** Everything that one look at a host gave. */
export interface HostFacts {
  readonly registry: ObservedRegistry | undefined;
  readonly services: ReadonlyMap<string, ObservedService>;
  /** By `authKey`. */
  readonly auth: ReadonlyMap<string, ObservedAuth>;
  /** Services on the host's cluster, by `<namespace>/<service>`. */
  readonly k3s: ReadonlyMap<string, ObservedK3s>;
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** Machine id, and change time of the nearest existing parent of a receipt. */
  origin(key: ReceiptKey): string;
}

/** One SSH command, however many services: its cost does not grow with round trips. */
export async function observeHost(host: Connection, subject: HostSubject): Promise<HostFacts> {
  const folder = receiptsFolder(host);
  const script = `${probePrelude}
for tool in docker curl ss awk base64 sha256sum; do
  command -v "$tool" >/dev/null || { echo "$tool is missing on this host" >&2; exit 1; }
done
# A receipt that is being written has a dot in its name until it is moved to its place.
receipts() { [ ! -d "$1" ] || find "$1" -ignore_readdir_race -mindepth 2 -maxdepth 2 ! -name '*.*' -type f -size -4 -printf '%P\\n' -exec cat {} \\; -exec echo \\; ; }
parents() { stat -c '%n %z' ${shellCommand([host.home, `${host.home}/.unidesk`, folder])} "$1"/*/ 2>/dev/null || true; }
${k3sProbes(host, subject.k3s ?? [])}
${subject.registry ? registryProbes(host, subject.registry) : ""}
${authProbes(host.name, subject.auth ?? [])}
${composeProbes(host, subject.services)}
probe host.machine cat /etc/machine-id
probe host.receipts ${shellCommand(["receipts", folder])}
probe host.parents ${shellCommand(["parents", folder])}
${probeEnd}`;
  const output = await mustRun(host, "look at the host", script, [], { timeoutSeconds: 30 });
  const probes = parseProbes(output, host.name);
  const parents = readParents(probes);
  const machine = probes.text("host.machine").trim();
  return {
    registry: subject.registry && readRegistry(probes),
    services: readServices(probes, host, subject.services),
    auth: readAuth(probes, host.name, subject.auth ?? []),
    k3s: readK3s(probes, host, subject.k3s ?? []),
    receipts: readReceipts(probes.text("host.receipts")),
    origin: (key) => `${machine} ${nearestParent(parents, receiptPath(host, key))}`,
  };
}

/** The registry alone. */
export async function observeRegistry(host: Connection, settings: RegistrySettings): Promise<ObservedRegistry> {
  const { registry } = await observeHost(host, { registry: settings, services: [] });
  if (!registry) throw new Error(`${host.name}: the look at the registry gave nothing`);
  return registry;
}

/** Blocks of a relative path and a receipt's three lines, each followed by an empty line. */
function readReceipts(text: string): ReadonlyMap<string, Receipt> {
  const blocks = text.split("\n\n").filter((block) => block.trim() !== "");
  return new Map(
    blocks.flatMap((block): [string, Receipt][] => {
      const at = block.indexOf("\n");
      const receipt = parseReceipt(block.slice(at + 1));
      return receipt ? [[block.slice(0, at), receipt]] : [];
    }),
  );
}

function readParents(probes: Probes): ReadonlyMap<string, string> {
  return new Map(
    probes
      .text("host.parents")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [path = "", ...time] = line.split(" ");
        return [path.replace(/\/$/, ""), time.slice(0, 2).join(" ")];
      }),
  );
}

function nearestParent(parents: ReadonlyMap<string, string>, path: string): string {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const time = parents.get(at);
    if (time) return time;
  }
  return "nowhere";
}
