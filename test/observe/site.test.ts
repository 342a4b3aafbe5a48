import { expect, test, vi } from "vitest";
import type { ObservedContainer, ObservedService } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import { adviceOf, seeingClusters } from "../../lib/observe/site.ts";

function advice(service: Partial<ObservedService>): string[] {
  const services = new Map([["frontend", service as ObservedService]]);
  const facts = { services, k3s: new Map() } as unknown as HostFacts;
  return adviceOf({ hosts: { "main-server": facts }, warnings: [] }, []);
}

test("nothing to say is no advice", () => expect(advice({ container: undefined })).toEqual([]));

test("what a recreate would pull in", () => {
  expect(advice({ recreateWouldChange: true })).toEqual([
    "frontend on main-server: a recreate would also pull in changed environment or Compose configuration of frontend; nothing here changes that",
  ]);
});

test("Compose files that a recreate would leave out", () => {
  const container = { otherFiles: ["/srv/a.yml", "/srv/b.yml"] } as unknown as ObservedContainer;
  expect(advice({ container })).toEqual([
    "frontend on main-server: it was made from more Compose files than context.hosts.main-server.compose.file names, so that a recreate is refused: /srv/a.yml, /srv/b.yml",
  ]);
});

const looked = (warning?: string, tooSlow = false) => ({
  k3s: new Map([["unidesk/mdtodo", { images: {}, cluster: undefined, tooSlow, ...(warning ? { warning } : {}) }]]),
});
const slow = looked("the Kubernetes API of d601 gave no answer: not within 30 s", true);

test("a cluster that was too slow is looked at once more", async () => {
  const seen = looked();
  const look = vi.fn<() => Promise<typeof seen>>().mockResolvedValueOnce(slow).mockResolvedValueOnce(seen);
  expect(await seeingClusters(look)).toBe(seen);
  expect(look).toHaveBeenCalledTimes(2);
  const never = vi.fn(() => Promise.resolve(slow));
  expect(await seeingClusters(never)).toBe(slow);
  expect(never).toHaveBeenCalledTimes(2);
});

test("what else was seen stays where the second look fails", async () => {
  const look = vi.fn<() => Promise<typeof slow>>().mockResolvedValueOnce(slow).mockRejectedValueOnce(new Error("down"));
  expect(await seeingClusters(look)).toBe(slow);
});

test.each([undefined, "the Kubernetes API of d601 gave no answer: connection refused"])(
  "%s is no reason to look again",
  async (warning) => {
    const look = vi.fn(() => Promise.resolve(looked(warning)));
    await seeingClusters(look);
    expect(look).toHaveBeenCalledTimes(1);
  },
);
