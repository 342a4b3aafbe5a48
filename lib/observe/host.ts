import { createHash } from "node:crypto";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError } from "../errors.ts";
import { parseReceipt, type Receipt, type ReceiptKey, receiptPath, receiptsFolder } from "../receipts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { shellCommand } from "../ssh/quote.ts";
import { NoEndError } from "../ssh/run.ts";
import { mustRun } from "../ssh/script.ts";
import { type AuthSubject, authProbes, authWords, type ObservedAuth, readAuth } from "./auth.ts";
import {
  type ComposePlace,
  type ComposeSubject,
  composeProbes,
  composeWords,
  type ObservedService,
  readServices,
} from "./compose.ts";
import { type K3sPlace, type K3sSubject, k3sProbes, k3sWords, type ObservedK3s, readK3s } from "./k3s.ts";
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
  /** Hash over every image that Docker has, with its names; undefined where nobody asked. */
  readonly dockerImages?: string | undefined;
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** Which machine it is, whatever it is called: a hash of its machine id. */
  readonly machine: string;
  /** Machine id, and change time of the nearest existing parent of a receipt. */
  origin(key: ReceiptKey): string;
}

/** What a look at one host may be asked about: subjects without their commits. */
export interface KnownSubject {
  readonly registry?: RegistrySettings;
  readonly services: readonly ComposePlace[];
  readonly auth?: readonly AuthSubject[];
  readonly k3s?: readonly K3sPlace[];
}

/** One script for everything that is known of a host; the words of `wordsOf` choose of it. Reads alone, whatever the words. */
export function lookScript(host: Connection, known: KnownSubject): string {
  return `${probePrelude}
for tool in docker curl ss awk base64 sha256sum; do
  command -v "$tool" >/dev/null || { echo "$tool is missing on this host" >&2; exit 1; }
done
# A receipt that is being written has a dot in its name until it is moved to its place.
receipts() { [ ! -d "$1" ] || find "$1" -ignore_readdir_race -mindepth 2 -maxdepth 2 ! -name '*.*' -type f -size -4 -printf '%P\\n' -exec cat {} \\; -exec echo \\; ; }
parents() { stat -c '%n %z' ${shellCommand([host.home, `${host.home}/.unidesk`, receiptsFolder(host)])} "$1"/*/ 2>/dev/null || true; }
${k3sProbes(host, known.k3s ?? [])}
${known.registry ? registryProbes(host, known.registry) : ""}
${authProbes(host.name, known.auth ?? [])}
${composeProbes(host, known.services)}
probe host.machine cat /etc/machine-id
probe host.receipts ${shellCommand(["receipts", receiptsFolder(host)])}
probe host.parents ${shellCommand(["parents", receiptsFolder(host)])}
${probeEnd}`;
}

function wordsOf({ registry, services, auth, k3s }: HostSubject): string[] {
  return [
    ...(registry ? ["registry/here="] : []),
    ...composeWords(services),
    ...k3sWords(k3s ?? []),
    ...authWords(auth ?? []),
  ];
}

/** How long a look may take on a host where many services start at once, in seconds. */
export const lookSeconds = 60;

/**
 * One SSH command, however many services: its cost does not grow with round trips.
 *
 * @param known Has everything of `subject`; the script follows from it alone. Default: no more than that.
 * @param seconds How long it may take.
 * @returns What was seen. Throws InfraBlockedError where the host cannot be reached, or is too busy to answer.
 */
export async function observeHost(
  host: Connection,
  subject: HostSubject,
  known: KnownSubject = subject,
  seconds = lookSeconds,
): Promise<HostFacts> {
  const output = await mustRun(host, "look at the host", lookScript(host, known), wordsOf(subject), {
    timeoutSeconds: seconds,
  }).catch((error) => {
    throw error instanceof NoEndError ? silent(host, error, seconds) : error;
  });
  const probes = parseProbes(output, host.name);
  const parents = readParents(probes);
  const machine = probes.text("host.machine").trim();
  return {
    registry: subject.registry && readRegistry(probes, subject.registry),
    services: readServices(probes, host, subject.services),
    auth: readAuth(probes, host.name, subject.auth ?? []),
    k3s: readK3s(probes, host, subject.k3s ?? []),
    dockerImages: subject.services.length > 0 ? probes.optional("host.images")?.trim() : undefined,
    receipts: readReceipts(probes.text("host.receipts")),
    machine: createHash("sha256").update(machine).digest("hex").slice(0, 12),
    origin: (key) => `${machine} ${nearestParent(parents, receiptPath(host, key))}`,
  };
}

/** Nothing was seen of it, so that nothing is wrong with what runs there. */
function silent({ name }: Connection, { problem: { found, remedy } }: NoEndError, seconds: number): InfraBlockedError {
  const what = `${name}: the host gave no answer within ${Math.round(seconds)} s`;
  return new InfraBlockedError({ what, ...(found ? { found } : {}), remedy: `${remedy}; then try again` }, [
    `${name}:ssh`,
  ]);
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
