import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "../tools/paths.mjs";
import { docker, dockerHas } from "./docker.ts";
import { LabError } from "./errors.ts";
import { contentHash, readTree } from "./files.ts";
import { once } from "./once.ts";
import { labRoot } from "./settings.ts";

/** Raise the number to get a newer Debian below every image. */
const baseVersion = "trixie-1";
const baseImage = `unidesk-lab-base:${baseVersion}`;

/** Images that d601's Docker holds from the start, by the name that they have there. */
export const innerImages = { "registry:2.8.3": "registry", "unidesk-lab/python:3.13": "python" } as const;

export async function hostImage(): Promise<string> {
  return `unidesk-lab-host:${contentHash(baseVersion, await readTree(join(labRoot, "host")))}`;
}

/** Hash of the inner images' definition, on purpose without the host image's: a new host image leaves them as they are. */
export async function innerImagesVersion(): Promise<string> {
  return contentHash(baseVersion, await readTree(join(labRoot, "inner-images")));
}

/** Debian alone: pulled where an image registry is in reach, else made from packages and kept in the cache. */
async function ensureBaseImage(): Promise<void> {
  if (await dockerHas("image", baseImage)) return;
  const tar = join(cacheDir, `base-${baseVersion}`, "base.tar");
  if (await importBase(tar)) return;
  const canMake = await execa("mmdebstrap", ["--version"]).then(
    () => true,
    () => false,
  );
  try {
    // Where there is an alternative a registry gets ten seconds; without one, the time that a slow line needs.
    await docker(["pull", "--quiet", "debian:trixie"], { timeout: canMake ? 10_000 : 300_000 });
    await docker(["tag", "debian:trixie", baseImage]);
    return;
  } catch (error) {
    if (!canMake) {
      throw new LabError(
        `No base image: ${error instanceof Error ? error.message : error} Give Docker access to an image registry, ` +
          "or install mmdebstrap, which makes the image from Debian packages.",
        { cause: error },
      );
    }
  }
  const draft = `${tar}.${process.pid}.new`;
  await mkdir(join(tar, ".."), { recursive: true });
  await execa("mmdebstrap", ["--quiet", "--format=tar", "--variant=minbase", "trixie", draft], {
    timeout: 600_000,
  }).catch((error: unknown) => {
    throw new LabError(`mmdebstrap could not make the base image: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  });
  await rename(draft, tar);
  await importBase(tar);
}

async function importBase(tar: string): Promise<boolean> {
  try {
    await docker(["import", "--change", "ENV LANG=C.UTF-8", tar, baseImage]);
    return true;
  } catch (error) {
    if (error instanceof LabError && /no such file/i.test(error.message)) return false;
    throw error;
  }
}

/** Builds the host image where it is missing and returns its name. */
export const ensureHostImage = once(async (): Promise<string> => {
  const image = await hostImage();
  if (await dockerHas("image", image)) return image;
  await ensureBaseImage();
  await build(join(labRoot, "host"), ["--tag", image, "--build-arg", `BASE=${baseImage}`]);
  return image;
});

/** Builds the inner images where they are missing and returns their names in the outer Docker. */
export async function ensureInnerImages(): Promise<Record<keyof typeof innerImages, string>> {
  const version = await innerImagesVersion();
  const host = await ensureHostImage();
  const built: Record<string, string> = {};
  for (const [name, target] of Object.entries(innerImages)) {
    const tag = `unidesk-lab-${target}:${version}`;
    built[name] = tag;
    if (await dockerHas("image", tag)) continue;
    const options = ["--target", target, "--tag", tag, "--build-arg", `HOST_IMAGE=${host}`];
    await build(join(labRoot, "inner-images"), options);
  }
  return built as Record<keyof typeof innerImages, string>;
}

async function build(context: string, options: readonly string[]): Promise<void> {
  await docker(["build", "--quiet", ...options, context], { timeout: 600_000 });
}
