import * as z from "zod";

const commitError = "must be a full Git commit: 40 lowercase hex digits; remedy: git rev-parse <branch>";
const digestError =
  'must be an OCI digest: "sha256:" and 64 lowercase hex digits; remedy: npx unidesk artifact publish prints it';

/** A full Git object name (SHA-1), lowercase hex. Never a branch, a tag or an abbreviation. */
export const Commit = z
  .string({ error: commitError })
  .regex(/^[0-9a-f]{40}$/, { error: commitError })
  .brand<"Commit">();
export type Commit = z.infer<typeof Commit>;

/** An OCI content digest, SHA-256 only (image-spec, descriptor.md, "Digests"). */
export const Digest = z
  .string({ error: digestError })
  .regex(/^sha256:[0-9a-f]{64}$/, { error: digestError })
  .brand<"Digest">();
export type Digest = z.infer<typeof Digest>;

/** A service id: it becomes a repository name, a folder and a systemd unit name. */
export const ServiceId = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, {
  error: "must be a service id: lowercase words joined by dashes",
});

export const environments = ["prod", "dev"] as const;
export const Environment = z.enum(environments, { error: `must be one of ${environments.join(", ")}` });
export type Environment = z.infer<typeof Environment>;

/** `1a2b3c4`, for people. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}
