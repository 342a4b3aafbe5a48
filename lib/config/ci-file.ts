import * as z from "zod";
import { exitCodes, UserError } from "../errors.ts";
import { readJsonFile } from "./json-file.ts";
import { Digest, ServiceId } from "./values.ts";

const RelativePath = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[\w./-]+$/, {
  error: "must be a relative path inside the repository, without ..",
});

const BuildEntry = z.strictObject({
  serviceId: ServiceId,
  kind: z.literal("build"),
  sourceRepo: z.url({ protocol: /^https$/, error: "must be the https URL of the source repository" }),
  dockerfile: RelativePath,
  imageRef: z.string().regex(/^127\.0\.0\.1:5000\/unidesk\/[a-z0-9-]+$/, {
    error:
      "must be 127.0.0.1:5000/unidesk/<serviceId>: the registry listens on loopback only, and the tag is the commit",
  }),
});

const UpstreamEntry = z.strictObject({
  serviceId: ServiceId,
  kind: z.literal("upstream-image"),
  sourceRepo: z.url(),
  upstream: z.string(),
  digest: Digest,
  mirror: z.string(),
});

/** `CI.json`, version 1: what is built, from where, under which name. Listing an image does not make it deployable. */
export const CiFile = z.strictObject({
  $schema: z.string().optional(),
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
    });
  }),
});
export type CiFile = z.infer<typeof CiFile>;
export type BuildArtifact = z.infer<typeof BuildEntry>;

/** `127.0.0.1:5000/unidesk/<service>`: an artifact's name without its commit tag. */
export function imageRepository(service: string): string {
  return `127.0.0.1:5000/${repositoryName(service)}`;
}

/** Name of the repository inside the registry (distribution-spec, `<name>`). */
export function repositoryName(service: string): string {
  return `unidesk/${service}`;
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
