import * as z from "zod";
import { exitCodes, UserError } from "../errors.ts";
import { readJsonFile } from "./json-file.ts";
import { Digest, ServiceId } from "./values.ts";

const RelativePath = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[\w./-]+$/, {
  error: "must be a relative path inside the repository, without ..",
});

/** distribution-spec, "Pulling manifests": `<name>` and `<tag>`. */
const ociName = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*";
const ociTag = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}";

/** With a host, so that no tool adds one of its own; never our registry, and no tag that only means "newest". */
const upstreamPattern = new RegExp(
  `^(?!127\\.0\\.0\\.1:5000/)(?!.*:latest$)(?:(?:[a-z0-9-]+\\.)+[a-z0-9-]+|localhost(?=:))(?::[0-9]{1,5})?/${ociName}(?::${ociTag})?$`,
);

/** Anything in our registry but `unidesk/<service>`, which is where a pin looks for an artifact. */
const mirrorPattern = new RegExp(`^127\\.0\\.0\\.1:5000/(?!unidesk/[a-z0-9-]+$)${ociName}$`);

const SourceRepo = z
  .url({ protocol: /^https$/, error: "must be the https URL of the source repository" })
  .meta({ pattern: "^https://", description: "https URL of the source repository" });
const EntryId = ServiceId.describe("Service id, as in deploy.json and lib/catalog");

const BuildEntry = z
  .strictObject({
    serviceId: EntryId,
    kind: z.literal("build"),
    sourceRepo: SourceRepo,
    dockerfile: RelativePath.describe("Dockerfile, relative to the root of the source repository"),
    imageRef: z
      .string()
      .regex(/^127\.0\.0\.1:5000\/unidesk\/[a-z0-9-]+$/, {
        error:
          "must be 127.0.0.1:5000/unidesk/<serviceId>: the registry listens on loopback only, and the tag is the commit",
      })
      .describe("127.0.0.1:5000/unidesk/<serviceId>, without a tag: the tag is the commit"),
  })
  .describe("Built on d601 from a pushed commit");

const UpstreamEntry = z
  .strictObject({
    serviceId: EntryId,
    kind: z.literal("upstream-image"),
    sourceRepo: SourceRepo,
    upstream: z
      .string()
      .max(255)
      .regex(upstreamPattern, {
        error:
          'must be "<host>/<name>" of another registry, with a version as its tag or none, such as docker.io/library/postgres:16.4; the digest stands in digest',
      })
      .describe("Where it comes from. A tag is for readers and updaters: what is copied is named by the digest"),
    digest: Digest.describe("Digest of the upstream manifest or index, which the mirror has as well"),
    mirror: z
      .string()
      .max(255)
      .regex(mirrorPattern, {
        error:
          "must be a name under 127.0.0.1:5000/ without a tag, such as 127.0.0.1:5000/unidesk/mirror/postgres; unidesk/<service> is where artifacts lie",
      })
      .describe("Name that `unidesk artifact mirror` copies it to, tagged sha256-<hex>"),
  })
  .describe("Somebody else's image: mirrored by digest, never built, never deployable by being listed");

/** `CI.json`, version 1: what is built, from where, under which name. Listing an image does not make it deployable. */
export const CiFile = z.strictObject({
  $schema: z.string().optional().describe("JSON Schema for editors"),
  version: z.literal(1, { error: "must be 1, the only version of this file" }),
  artifacts: z.array(z.discriminatedUnion("kind", [BuildEntry, UpstreamEntry])).superRefine((artifacts, context) => {
    artifacts.forEach((artifact, index) => {
      if (artifacts.findIndex((other) => other.serviceId === artifact.serviceId) !== index) {
        context.addIssue({ code: "custom", path: [index, "serviceId"], message: "must be listed once" });
      }
      if (artifact.kind === "build" && artifact.imageRef !== imageRepository(artifact.serviceId)) {
        context.addIssue({
          code: "custom",
          path: [index, "imageRef"],
          message: `must be ${imageRepository(artifact.serviceId)}`,
        });
      }
      if (
        artifact.kind === "upstream-image" &&
        artifacts.findIndex((other) => "mirror" in other && other.mirror === artifact.mirror) !== index
      ) {
        context.addIssue({ code: "custom", path: [index, "mirror"], message: "must be the mirror of one entry only" });
      }
    });
  }),
});
export type CiFile = z.infer<typeof CiFile>;
export type BuildArtifact = z.infer<typeof BuildEntry>;
export type UpstreamArtifact = z.infer<typeof UpstreamEntry>;

/** `127.0.0.1:5000/unidesk/<service>`: an artifact's name without its commit tag. */
export function imageRepository(service: string): string {
  return `127.0.0.1:5000/${repositoryName(service)}`;
}

/** Name of the repository inside the registry (distribution-spec, `<name>`). */
export function repositoryName(service: string): string {
  return `unidesk/${service}`;
}

/** Name of the repository inside the registry that an entry's images lie in. */
export function repositoryOf(entry: BuildArtifact | UpstreamArtifact): string {
  return entry.kind === "build" ? repositoryName(entry.serviceId) : entry.mirror.slice(entry.mirror.indexOf("/") + 1);
}

/** Tag of a mirrored image: it says the content, as cosign's do. Without one the registry's garbage collection may take it. */
export function mirrorTag({ digest }: UpstreamArtifact): string {
  return digest.replace(":", "-");
}

/** What is copied: the upstream's name by digest. Its tag may have moved meanwhile. */
export function upstreamByDigest({ upstream, digest }: UpstreamArtifact): string {
  return `${upstream.replace(/:[^:/]+$/, "")}@${digest}`;
}

export function readCiFile(file: string, name = "CI.json"): CiFile {
  return readJsonFile(file, name, CiFile);
}

/** The build entry of a service, or an error that says what can be built. */
export function findBuild(ci: CiFile, service: string): BuildArtifact {
  const found = ci.artifacts.find((artifact) => artifact.serviceId === service);
  if (found?.kind === "build") return found;
  const allowed = ci.artifacts.filter(({ kind }) => kind === "build").map(({ serviceId }) => serviceId);
  throw new UserError(
    {
      what: found
        ? `${service} is an upstream image: it is mirrored, never built`
        : `CI.json has no entry for ${service}`,
      found: service,
      allowed: allowed.join(", "),
      remedy: found ? "leave it out" : "correct the name, or add an entry to CI.json",
    },
    exitCodes.usage,
  );
}

/** The entry of an upstream image, or an error that says what can be mirrored. */
export function findUpstream(ci: CiFile, service: string): UpstreamArtifact {
  const found = ci.artifacts.find((artifact) => artifact.serviceId === service);
  if (found?.kind === "upstream-image") return found;
  const allowed = ci.artifacts.filter(({ kind }) => kind === "upstream-image").map(({ serviceId }) => serviceId);
  throw new UserError(
    {
      what: found
        ? `${service} is built from source: it is published, never mirrored`
        : `CI.json has no entry for ${service}`,
      found: service,
      allowed: allowed.join(", ") || "none yet",
      remedy: found ? "npx unidesk artifact publish" : "correct the name, or add an entry to CI.json",
    },
    exitCodes.usage,
  );
}

/** Any entry of a service, or an error that says which there are. */
export function findEntry(ci: CiFile, service: string): BuildArtifact | UpstreamArtifact {
  const found = ci.artifacts.find(({ serviceId }) => serviceId === service);
  if (found) return found;
  throw new UserError(
    {
      what: `CI.json has no entry for ${service}`,
      found: service,
      allowed: ci.artifacts.map(({ serviceId }) => serviceId).join(", ") || "none yet",
      remedy: "correct the name, or add an entry to CI.json",
    },
    exitCodes.usage,
  );
}
