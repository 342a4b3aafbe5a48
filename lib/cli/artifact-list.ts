import type { Command } from "commander";
import colors from "picocolors";
import { type ArtifactDetails, artifactDetails } from "../artifacts/details.ts";
import { inventory, type ListedTag, repositoriesOf } from "../artifacts/inventory.ts";
import { findEntry, repositoryOf } from "../config/ci-file.ts";
import { loadPins, loadSite, overridesOf } from "../config/site.ts";
import { printable } from "../printable.ts";
import { withRegistry } from "../registry/open.ts";
import { formatBytes } from "../verdicts/disk.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import { mark, print, printFields, printJson, printTable, whole, withProgress } from "./output.ts";

interface ListOptions {
  readonly service?: string;
  readonly json?: boolean;
}

export function addListCommands(artifact: Command, root: string): void {
  artifact
    .command("list")
    .description("tags in the registry, newest first: digest, size, age, and which pins use them")
    .option("--service <service>", "one service of CI.json; without it all repositories")
    .option("--json", "print JSON")
    .action(async ({ service, json }: ListOptions) => {
      const site = loadSite(root, overridesOf(process.env));
      const pins = loadPins(site);
      const entry = service === undefined ? undefined : findEntry(site.ci, service);
      const listed = await withProgress("reading the registry", () =>
        withRegistry(site.connections.d601, site.registry.port, async (registry) => {
          await registry.ping();
          const repositories = entry ? [{ name: repositoryOf(entry), entry }] : await repositoriesOf(site, registry);
          return inventory(site, registry, repositories, pins);
        }),
      );
      if (json) return printJson({ ok: true, artifacts: listed });
      showList(listed);
    });
  artifact
    .command("show")
    .description("one artifact: digests, layers, labels, what d601 recorded, and which pins use it")
    .argument("<service>", "service id of CI.json")
    .argument("<reference>", "commit, tag or digest; or the beginning of one")
    .option("--json", "print JSON")
    .action(async (service: string, reference: string, { json }: ListOptions) => {
      const site = loadSite(root, overridesOf(process.env));
      const pins = loadPins(site);
      // An unknown name is a usage error, also while the registry is down.
      findEntry(site.ci, service);
      const details = await withProgress(`reading ${service}`, () =>
        withRegistry(site.connections.d601, site.registry.port, async (registry) => {
          await registry.ping();
          return artifactDetails(site, registry, service, reference, pins);
        }),
      );
      if (json) return printJson(details);
      showDetails(details);
    });
}

export function showList(listed: readonly ListedTag[]): void {
  if (listed.length === 0) print("nothing is published yet");
  for (const [index, serviceId] of [...new Set(listed.map((entry) => entry.serviceId))].entries()) {
    const tags = listed.filter((entry) => entry.serviceId === serviceId);
    if (index > 0) print("");
    print(`${colors.bold(printable(serviceId))}  ${printable(tags[0]?.imageRef ?? "")}`);
    printTable(["tag", "digest", "size", "age", "", "used by, or what is wrong"], tags.map(rowOf));
  }
}

function rowOf({ tag, kind, digest, bytes, created, verdict, pins }: ListedTag): string[] {
  const short = printable(tag.length > 15 ? `${tag.slice(0, 14)}…` : tag);
  const used = pins.length > 0 ? [`pinned: ${pins.map(({ environment }) => environment).join(", ")}`] : [];
  const wrong = verdict.reasons.map(({ what, found }) => `${what}: ${found}`);
  const notes = kind === "build" && verdict.ok ? used : [...used, ...wrong, "not deployable"];
  return [
    short,
    digest?.slice("sha256:".length, "sha256:".length + 12) ?? "–",
    bytes === null ? "–" : formatBytes(bytes),
    created === null ? "–" : ageOf(created),
    mark(verdict.ok),
    whole(notes.join("; ")),
  ];
}

/** `5m`, `7h`, `12d`: since a time, for people. */
export function ageOf(created: string, now = Date.now()): string {
  const minutes = Math.floor((now - Date.parse(created)) / 60_000);
  if (!Number.isFinite(minutes)) return "–";
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes}m`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h`;
  return `${Math.floor(minutes / 60 / 24)}d`;
}

export function showDetails(details: ArtifactDetails): void {
  const { layers, labels, verdict, record, pins } = details;
  printFields({
    service: details.serviceId,
    image: details.imageRef,
    tags: details.tags.join(", ") || "none",
    digest: details.digest,
    ...(details.manifestDigest === details.digest ? {} : { manifest: details.manifestDigest }),
    config: details.configDigest,
    created: details.created === null ? "unknown" : `${details.created} (${ageOf(details.created)})`,
    size: formatBytes(details.bytes),
    pins: pins.map(({ environment }) => environment).join(", ") || "none",
    record: record
      ? `${record.path}${record.agrees ? "" : `: says ${record.digest || "nothing that can be read"}`}`
      : "none",
    verdict: mark(verdict.ok),
  });
  for (const reason of verdict.reasons) print(whole(renderReasons(details.serviceId, [reason])));
  print(`\n${colors.bold("labels")}`);
  if (Object.keys(labels).length > 0) printFields(labels);
  print(`\n${colors.bold("layers")}`);
  for (const { digest, size } of layers) print(`${digest}  ${formatBytes(size)}`);
}
