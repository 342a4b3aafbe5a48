import { createHash } from "node:crypto";
import { request } from "node:http";
import pLimit from "p-limit";
import * as z from "zod";
import { Digest } from "../config/values.ts";
import { InfraBlockedError, messageOf, UserError } from "../errors.ts";
import type { Endpoint } from "../ssh/tunnel.ts";

/** Manifests and configurations are small; more than this is not one (distribution-spec: at least 4 MiB accepted). */
const maxBytes = 4 * 1024 * 1024;

/** Blobs that are looked for at a time. */
const concurrentReads = 8;

/** Of lists, 1000 names each, so that no reply goes round in circles. */
const maxPages = 100;

/** What a manifest may be (image-spec, media types; Docker Image Manifest Version 2, Schema 2). */
export const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

const Descriptor = z.object({
  digest: Digest,
  size: z.int().nonnegative(),
  mediaType: z.string().optional(),
});
const ImageManifest = z.object({ config: Descriptor, layers: z.array(Descriptor) });
const ImageIndex = z.object({
  manifests: z.array(
    Descriptor.extend({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() }),
  ),
});
const RepositoryList = z.object({ repositories: z.array(z.string()).nullable() });
const TagList = z.object({ tags: z.array(z.string()).nullable() });
const ImageConfig = z.object({
  created: z.string().nullish(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
  rootfs: z.object({ diff_ids: z.array(Digest).nullish() }).nullish(),
});

export interface ArtifactBlob {
  readonly digest: Digest;
  /** Size in bytes; of a layer it is the compressed one. */
  readonly size: number;
}

export function bytesOf(blobs: readonly Pick<ArtifactBlob, "size">[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

export interface ArtifactLayer extends ArtifactBlob {
  readonly mediaType?: string | undefined;
}

/** What the registry says about one artifact. */
export interface Artifact {
  /** Digest of what the tag names: a manifest, or an index. */
  readonly digest: Digest;
  /** Digest of the image configuration; Docker's image id with the classic image store. */
  readonly configDigest: Digest;
  /** Digest of the image manifest; differs from `digest` under an index. */
  readonly manifestDigest: Digest;
  readonly layers: readonly ArtifactLayer[];
  /** Digests of the unpacked layers, in the same order. */
  readonly diffIds: readonly Digest[];
  /** Everything else that a pull fetches: the index where there is one, the manifest, the configuration. */
  readonly metadata: readonly ArtifactBlob[];
  readonly labels: Readonly<Record<string, string>>;
  /** When it was built, RFC 3339; undefined where the configuration does not say. */
  readonly created: string | undefined;
}

interface Reply {
  readonly status: number;
  /** Digest as the registry says it. */
  readonly digestHeader: string | undefined;
  /** Path of the next page of a list (distribution-spec, RFC 8288). */
  readonly next: string | undefined;
  readonly body: Buffer;
}

/** The part of the OCI distribution API that reading needs. Content is believed by its digest, never by its sender. */
export class RegistryClient {
  constructor(
    private readonly endpoint: Endpoint,
    /** For messages: `d601 127.0.0.1:5000`. */
    private readonly name: string,
  ) {}

  /** distribution-spec, end-1: GET /v2/. */
  async ping(): Promise<void> {
    const reply = await this.get("/v2/");
    if (reply.status !== 200) throw this.unexpected("/v2/", reply);
  }

  /** The artifact under a tag or digest, or undefined where the registry has none (end-3, end-2). */
  async artifact(repository: string, reference: string): Promise<Artifact | undefined> {
    const found = await this.manifest(repository, reference);
    if (!found) return undefined;
    const { path, body, digest } = found;
    const top = this.parse(path, ImageManifest.or(ImageIndex), body);
    const [manifestDigest, manifest, manifestBytes] =
      "config" in top ? [digest, top, 0] : await this.platformManifest(repository, top, `${repository}:${reference}`);
    const { digest: configDigest, size: configBytes } = manifest.config;
    const config = await this.content(`/v2/${repository}/blobs/${configDigest}`, configDigest, ImageConfig);
    const platform = manifestDigest === digest ? [] : [{ digest: manifestDigest, size: manifestBytes }];
    return {
      digest,
      manifestDigest,
      configDigest,
      layers: manifest.layers,
      diffIds: config.rootfs?.diff_ids ?? [],
      metadata: [{ digest, size: body.length }, ...platform, { digest: configDigest, size: configBytes }],
      labels: config.config?.Labels ?? {},
      created: config.created ?? undefined,
    };
  }

  /** Digest of the manifest or index under a tag or digest, whatever it holds (end-3). */
  async manifestDigest(repository: string, reference: string): Promise<Digest | undefined> {
    return (await this.manifest(repository, reference))?.digest;
  }

  /** What is under a tag or digest, byte for byte and as its digest says, or undefined where there is nothing (end-3). */
  private async manifest(repository: string, reference: string) {
    const path = `/v2/${repository}/manifests/${reference}`;
    const reply = await this.get(path);
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw this.unexpected(path, reply);
    const digest = digestOf(reply.body);
    this.requireDigest(path, digest, reply.digestHeader);
    return { path, body: reply.body, digest };
  }

  /** Names of all repositories (Docker Registry HTTP API V2, `_catalog`: the OCI specification has no such list). */
  async repositories(): Promise<string[]> {
    const pages = await this.pages("/v2/_catalog?n=1000", RepositoryList);
    return pages.flatMap(({ repositories }) => repositories ?? []);
  }

  /** Tags of a repository; none where the registry does not know it (end-8b). */
  async tags(repository: string): Promise<string[]> {
    const pages = await this.pages(`/v2/${repository}/tags/list?n=1000`, TagList);
    return pages.flatMap(({ tags }) => tags ?? []);
  }

  /**
   * The last bytes of a blob, or undefined where the registry does not serve ranges (end-2, RFC 9110
   * section 14). They are not verified: for estimates only.
   */
  async blobTail(
    repository: string,
    blob: { digest: Digest; size: number },
    bytes: number,
  ): Promise<Buffer | undefined> {
    if (blob.size < bytes) return undefined;
    const range = `bytes=${blob.size - bytes}-${blob.size - 1}`;
    const reply = await this.get(`/v2/${repository}/blobs/${blob.digest}`, { Range: range });
    return reply.status === 206 && reply.body.length === bytes ? reply.body : undefined;
  }

  /** Of these blobs those that the registry does not have (end-2, HEAD). */
  async missingBlobs<B extends Pick<ArtifactBlob, "digest">>(repository: string, blobs: readonly B[]): Promise<B[]> {
    const limit = pLimit(concurrentReads);
    const there = await Promise.all(
      blobs.map(({ digest }) =>
        limit(async () => {
          const path = `/v2/${repository}/blobs/${digest}`;
          const reply = await this.get(path, {}, "HEAD");
          if (reply.status !== 200 && reply.status !== 404) throw this.unexpected(path, reply);
          return reply.status === 200;
        }),
      ),
    );
    return blobs.filter((_, index) => !there[index]);
  }

  private async pages<S extends z.ZodType>(first: string, schema: S): Promise<z.output<S>[]> {
    const pages: z.output<S>[] = [];
    for (let path: string | undefined = first; path !== undefined; ) {
      const reply: Reply = await this.get(path);
      if (reply.status === 404) break;
      if (reply.status !== 200) throw this.unexpected(path, reply);
      pages.push(this.parse(path, schema, reply.body));
      if (pages.length === maxPages) {
        throw new UserError({
          what: `${this.name}: GET ${first}: more than ${maxPages} pages`,
          remedy: "npx unidesk registry health",
        });
      }
      path = reply.next;
    }
    return pages;
  }

  private async platformManifest(
    repository: string,
    index: z.infer<typeof ImageIndex>,
    name: string,
  ): Promise<[Digest, z.infer<typeof ImageManifest>, bytes: number]> {
    const runnable = index.manifests.filter(({ platform }) => platform?.os !== "unknown");
    // An index of one image need not say what it is for; what BuildKit says about an image stands beside it as "unknown".
    const entry =
      runnable.find(({ platform }) => platform?.os === "linux" && platform.architecture === "amd64") ??
      (runnable.length === 1 ? runnable[0] : undefined);
    if (entry) {
      const path = `/v2/${repository}/manifests/${entry.digest}`;
      return [entry.digest, await this.content(path, entry.digest, ImageManifest), entry.size];
    }
    const found = index.manifests.map(({ platform }) =>
      platform ? `${platform.os}/${platform.architecture}` : "no platform",
    );
    throw new UserError({
      what: `${name} has no image for linux/amd64`,
      found: found.join(", ") || "an empty index",
      remedy: "publish a new commit: this tag is never overwritten",
    });
  }

  /** Something that its digest names. */
  private async content<S extends z.ZodType>(path: string, digest: Digest, schema: S): Promise<z.output<S>> {
    const reply = await this.get(path);
    if (reply.status !== 200) throw this.unexpected(path, reply);
    this.requireDigest(path, digest, digestOf(reply.body));
    return this.parse(path, schema, reply.body);
  }

  private requireDigest(path: string, expected: string, found: string | undefined): void {
    if (expected === found) return;
    throw new UserError({
      what: `${this.name}: GET ${path}: the content does not have the digest that names it`,
      found: found ?? "no digest",
      allowed: expected,
      remedy: "the registry's storage is damaged, or something stands between; npx unidesk registry health",
    });
  }

  private parse<S extends z.ZodType>(path: string, schema: S, body: Buffer): z.output<S> {
    try {
      return schema.parse(JSON.parse(body.toString("utf8")));
    } catch {
      throw new UserError({
        what: `${this.name}: GET ${path}: not what the OCI image specification describes`,
        found: body.toString("utf8").slice(0, 200),
        remedy: "publish the commit again",
      });
    }
  }

  private unexpected(path: string, reply: Reply): UserError {
    const problem = {
      what: `${this.name}: the registry answered ${reply.status} to GET ${path}`,
      found: reply.body.toString("utf8").slice(0, 200),
      allowed: "200, or 404 for an artifact that is not there",
      remedy: "npx unidesk registry health",
    };
    // A registry that says of itself that it is broken is as good as absent: a rollback does not need it.
    return reply.status >= 500 ? new InfraBlockedError(problem, ["d601:registry"]) : new UserError(problem);
  }

  private get(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method: "GET" | "HEAD" = "GET",
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const silent = (error: unknown) =>
        reject(
          new InfraBlockedError(
            {
              what: `${this.name}: the registry does not answer`,
              found: `GET ${path}: ${messageOf(error)}`,
              remedy: "npx unidesk registry health",
            },
            ["d601:registry"],
          ),
        );
      const target = "socketPath" in this.endpoint ? this.endpoint : { host: "127.0.0.1", port: this.endpoint.port };
      const outgoing = request(
        {
          ...target,
          path,
          method,
          agent: false,
          headers: { Accept: manifestTypes.join(", "), Host: "127.0.0.1:5000", ...headers },
        },
        (response) => {
          const status = response.statusCode ?? 0;
          if (headers.Range && status !== 206) {
            // Not the range but all of it, or a redirection: nobody wants the body.
            resolve({ status, digestHeader: undefined, next: undefined, body: Buffer.alloc(0) });
            outgoing.destroy();
            return;
          }
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            bytes += chunk.length;
            if (bytes <= maxBytes) return;
            const remedy = "publish the commit again";
            reject(new UserError({ what: `${this.name}: GET ${path}: more than ${maxBytes} bytes`, remedy }));
            outgoing.destroy();
          });
          response.on("error", silent);
          response.on("end", () => {
            const header = response.headers["docker-content-digest"];
            const digestHeader = typeof header === "string" ? header : undefined;
            const next = /<(\/v2\/[^>]*)>; *rel="?next"?/.exec(String(response.headers.link ?? ""))?.[1];
            resolve({ status, digestHeader, next, body: Buffer.concat(chunks) });
          });
        },
      );
      // For the whole answer, so that one that drips for ever ends as well.
      const deadline = setTimeout(() => outgoing.destroy(new Error("no whole answer within 20 s")), 20_000);
      outgoing.on("close", () => clearTimeout(deadline));
      outgoing.on("error", silent);
      outgoing.end();
    });
  }
}

function digestOf(body: Buffer): Digest {
  return Digest.parse(`sha256:${createHash("sha256").update(body).digest("hex")}`);
}
