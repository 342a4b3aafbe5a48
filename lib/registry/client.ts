import { request } from "node:http";
import { z } from "zod";
import { Digest } from "../config/values.ts";
import { InfraBlockedError, messageOf, UserError } from "../errors.ts";
import type { Endpoint } from "../ssh/tunnel.ts";

/** Manifests and configurations are small; more than this is not one (distribution-spec: at least 4 MiB accepted). */
const maxBytes = 4 * 1024 * 1024;

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

const Descriptor = z.object({ digest: Digest, size: z.int().nonnegative() });
const ImageManifest = z.object({ config: Descriptor, layers: z.array(Descriptor) });
const ImageIndex = z.object({
  manifests: z.array(
    Descriptor.extend({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() }),
  ),
});
const ImageConfig = z.object({
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** What the registry says about one artifact. */
export interface Artifact {
  /** Digest of what the tag names: a manifest, or an index. */
  readonly digest: Digest;
  /** Digest of the image configuration; Docker's image id with the classic image store. */
  readonly configDigest: Digest;
  /** Digest of the image manifest; differs from `digest` under an index. */
  readonly manifestDigest: Digest;
  readonly layers: readonly { readonly digest: Digest; readonly size: number }[];
  readonly labels: Readonly<Record<string, string>>;
}

interface Reply {
  readonly status: number;
  readonly digest: string | undefined;
  readonly body: string;
}

/** The part of the OCI distribution API that reading needs. */
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
    const path = `/v2/${repository}/manifests/${reference}`;
    const reply = await this.get(path);
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw this.unexpected(path, reply);
    const digest = Digest.parse(reply.digest);
    const top = ImageManifest.or(ImageIndex).parse(JSON.parse(reply.body));
    const [manifestDigest, manifest] =
      "config" in top ? [digest, top] : await this.platformManifest(repository, top, `${repository}:${reference}`);
    const config = ImageConfig.parse(await this.json(`/v2/${repository}/blobs/${manifest.config.digest}`));
    return {
      digest,
      manifestDigest,
      configDigest: manifest.config.digest,
      layers: manifest.layers,
      labels: config.config?.Labels ?? {},
    };
  }

  private async platformManifest(
    repository: string,
    index: z.infer<typeof ImageIndex>,
    name: string,
  ): Promise<[Digest, z.infer<typeof ImageManifest>]> {
    const entry = index.manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === "amd64");
    if (!entry) {
      throw new UserError({
        what: `${name} has no image for linux/amd64`,
        found:
          index.manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(", ") ||
          "an empty index",
        remedy: "publish the commit again",
      });
    }
    const manifest = ImageManifest.parse(await this.json(`/v2/${repository}/manifests/${entry.digest}`));
    return [entry.digest, manifest];
  }

  private async json(path: string): Promise<unknown> {
    const reply = await this.get(path);
    if (reply.status !== 200) throw this.unexpected(path, reply);
    return JSON.parse(reply.body);
  }

  private unexpected(path: string, reply: Reply): UserError {
    return new UserError({
      what: `${this.name}: the registry answered ${reply.status} to GET ${path}`,
      found: reply.body.slice(0, 200),
      allowed: "200, or 404 for an artifact that is not there",
      remedy: "npx unidesk registry health",
    });
  }

  private get(path: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
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
          agent: false,
          headers: { Accept: manifestTypes.join(", "), Host: "127.0.0.1:5000" },
          timeout: 10_000,
        },
        (response) => {
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            body += chunk;
            if (body.length > maxBytes) outgoing.destroy(new Error(`more than ${maxBytes} bytes`));
          });
          response.on("error", fail);
          response.on("end", () => {
            const digest = response.headers["docker-content-digest"];
            resolve({
              status: response.statusCode ?? 0,
              digest: typeof digest === "string" ? digest : undefined,
              body,
            });
          });
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer for 10 s")));
      outgoing.on("error", fail);
      outgoing.end();
    });
  }
}
