import { Commit } from "../config/values.ts";
import type { ObservedK3s } from "../observe/k3s.ts";

/** Images of a service's Deployments; one that is missing has none. */
export function deployedImages({ cluster }: Pick<ObservedK3s, "cluster">): string[] {
  return Object.values(cluster?.workloads ?? {}).flatMap(({ deployment }) => deployment?.image ?? []);
}

/** The commit that all of these images are of; Deployments on different commits are on none. */
export function commitOfAll(images: readonly string[]): Commit | undefined {
  const commits = new Set(images.map((image) => Commit.safeParse(image.split(":").at(-1)).data));
  return commits.size === 1 ? [...commits][0] : undefined;
}
