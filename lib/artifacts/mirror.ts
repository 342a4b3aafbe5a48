import { mirrorTag, repositoryOf, type UpstreamArtifact, upstreamByDigest } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { RegistryClient } from "../registry/client.ts";
import { lastLines, type RemoteResult, runScript } from "../ssh/run.ts";
import { mirrorBusy, mirrorScript, noCopier } from "./mirror-script.ts";

/** What a mirror hands over; the fields are a contract. */
export interface MirrorSummary {
  readonly serviceId: string;
  /** What was copied, by digest. */
  readonly upstream: string;
  readonly digest: string;
  /** Where it lies in our registry, with its tag. */
  readonly mirrorRef: string;
  readonly tag: string;
  readonly digestRef: string;
  /** False where the registry already had it. */
  readonly copied: boolean;
  /** The program that copied; null where nothing was. */
  readonly copier: string | null;
}

/**
 * Copies an upstream image into the registry's mirror name, on D601 and from registry to registry. Its tag says its
 * digest and is never moved. Registries refuse a manifest or index whose parts they lack, so that one that is there
 * under its digest is whole.
 */
export async function mirrorUpstream(
  site: Site,
  registry: RegistryClient,
  entry: UpstreamArtifact,
  onProgress: (line: string) => void,
): Promise<MirrorSummary> {
  const repository = repositoryOf(entry);
  const tag = mirrorTag(entry);
  const name = `${site.registry.address}:${site.registry.port}/${repository}`;
  const summary = {
    serviceId: entry.serviceId,
    upstream: upstreamByDigest(entry),
    digest: entry.digest,
    mirrorRef: `${name}:${tag}`,
    tag,
    digestRef: `${name}@${entry.digest}`,
  };
  const before = await registry.manifestDigest(repository, tag);
  if (before === entry.digest) return { ...summary, copied: false, copier: null };
  if (before !== undefined) throw taken(summary.mirrorRef, entry.digest, before);
  const host = site.connections.d601;
  const lock = `${hostPaths(host).locks}/mirror-${entry.serviceId}`;
  const args = [lock, summary.upstream, summary.mirrorRef, isLoopback(entry.upstream) ? "1" : "0"];
  const result = await runScript(host, mirrorScript, args, { timeoutSeconds: 2700, onProgress });
  if (result.exitCode !== 0) throw failureOf(entry, summary.upstream, result);
  const after = await registry.manifestDigest(repository, tag);
  if (after !== entry.digest) throw taken(summary.mirrorRef, entry.digest, after ?? "none");
  return { ...summary, copied: true, copier: result.stdout.trim() };
}

/** Only on loopback nobody can stand between, so that only there a registry may do without TLS. */
export function isLoopback(reference: string): boolean {
  return /^(127(\.\d{1,3}){3}|localhost)[:/]/.test(reference);
}

function taken(where: string, expected: string, found: string): UserError {
  return new UserError({
    what: `${where} is not the image that CI.json names; it is left as it is`,
    found,
    allowed: expected,
    remedy: "find out who pushed it",
  });
}

function failureOf(entry: UpstreamArtifact, upstream: string, { exitCode, stderr }: RemoteResult): UserError {
  if (exitCode === noCopier) {
    return new UserError({
      what: `${entry.serviceId}: d601 has no program that copies an image between registries; the entry stays catalog-only`,
      found: "neither skopeo nor oras nor crane on PATH",
      allowed: "one of skopeo, oras, crane",
      remedy: "sudo apt-get install skopeo, on d601",
    });
  }
  if (exitCode === mirrorBusy) {
    return new UserError({
      what: `${entry.serviceId}: another mirror of it is under way for more than 900 s`,
      remedy: "wait for it, then try again",
    });
  }
  return new UserError({
    what: `${entry.serviceId}: d601 could not copy the image (exit ${exitCode}); its mirror tag is not there`,
    found: lastLines(stderr, 4) || "no output on standard error",
    allowed: `${upstream}, as CI.json names it`,
    remedy: "check upstream and digest in CI.json, and that d601 reaches that registry; then mirror again",
  });
}
