import { docker } from "./docker.ts";
import type { LabHost } from "./settings.ts";

/** What a host says of itself. */
export interface Probe {
  readonly systemd: string;
  readonly failedUnits: readonly string[];
  /** Version of the host's Docker; empty while it does not answer. */
  readonly docker: string;
  readonly sshd: string;
  /** The three public host keys, without comments. */
  readonly hostKeys: readonly string[];
  /** Part name to the version that was provisioned. */
  readonly stamps: ReadonlyMap<string, string>;
  readonly images: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
}

/** One look into a running host, by way of the outer Docker. */
export async function probe(host: LabHost, paths: readonly string[] = []): Promise<Probe> {
  const args = ["exec", host.container, "/usr/local/lib/unidesk-lab/probe.sh", ...paths];
  return parseProbe(await docker(args, { timeout: 20_000 }));
}

export function parseProbe(text: string): Probe {
  const facts = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [key, ...value] = line.split("=");
    if (key) facts.set(key, value.join("="));
  }
  const below = (prefix: string) =>
    [...facts].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : []));
  return {
    systemd: facts.get("systemd") ?? "",
    failedUnits: (facts.get("failed") ?? "").split(",").filter(Boolean),
    docker: facts.get("docker") ?? "",
    sshd: facts.get("sshd") ?? "",
    hostKeys: below("hostkey.").map(([, key]) => key),
    stamps: new Map(below("stamp.")),
    images: new Set(below("image.").map(([name]) => name)),
    paths: new Set(below("path.").map(([path]) => path)),
  };
}
