import { expect, test } from "vitest";
import { type Need, requireRoom } from "../../lib/delivery/disk-gate.ts";
import type { RegistryClient } from "../../lib/registry/client.ts";
import { rejectionOf } from "../support.ts";

const client = {} as RegistryClient;
const megabyte = 1_000_000;

/** One layer of 10 MB that is 30 MB unpacked, in a store with room for so many megabytes. */
function need(path: string, fileSystem: string, freeMegabytes: number, service = path): Need {
  const layer = { digest: "sha256:1", size: 10 * megabyte, chain: "sha256:1" } as Need["coming"][number]["layer"];
  return {
    disk: { path, freeBytes: freeMegabytes * megabyte, fileSystem },
    coming: [{ service, repository: `unidesk/${service}`, layer }],
    prune: `prune ${path}`,
  };
}
const gate = (...needs: Need[]) => requireRoom("nothing was pulled", "d601", needs, client);

test("two stores on file systems of their own are judged each by itself", async () => {
  await gate(need("docker", "1", 108), need("containerd", "2", 108));
  const { message } = await rejectionOf(gate(need("docker", "1", 108), need("containerd", "2", 107)));
  expect(message).toBe(`nothing was pulled, because the disk of d601 cannot hold the missing layers
containerd: disk space for images: expected 107.1 MB free, found 107.0 MB (looked at d601 containerd)
  remedy:  make room on d601; prune containerd, and is the operator's decision`);
});

test("fails if two stores on one file system fit each, but not both: the same layer takes its room in both", async () => {
  const { message } = await rejectionOf(gate(need("docker", "1", 108), need("containerd", "1", 108)));
  expect(message).toBe(`nothing was pulled, because the disk of d601 cannot hold the missing layers
docker, containerd: disk space for images: expected 147.1 MB free, found 108.0 MB (looked at d601 docker and containerd)
  remedy:  make room on d601; prune docker, prune containerd, and is the operator's decision`);
  await gate(need("docker", "1", 148), need("containerd", "1", 148));
});

test("a store that lacks nothing needs no room", () =>
  gate({ ...need("docker", "1", 0), coming: [] }, need("containerd", "1", 108)));
