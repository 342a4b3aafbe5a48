import type { WantedArtifact } from "../verdicts/artifact.ts";

/** What an artifact is called on a host that reaches the registry at this loopback port. */
export function referenceOf(port: number, repository: string, digest: string): string {
  return `127.0.0.1:${port}/${repository}@${digest}`;
}

/** The registry's own name of a pin: by digest where the pin has one, else by the commit tag. */
export function pinnedReference(port: number, { repository, commit, digest }: WantedArtifact): string {
  return digest ? referenceOf(port, repository, digest) : `127.0.0.1:${port}/${repository}:${commit}`;
}
