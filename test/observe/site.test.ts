import { expect, test } from "vitest";
import type { ObservedContainer, ObservedService } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import { adviceOf } from "../../lib/observe/site.ts";

function advice(service: Partial<ObservedService>): string[] {
  const services = new Map([["frontend", service as ObservedService]]);
  const facts = { services, k3s: new Map() } as unknown as HostFacts;
  return adviceOf({ hosts: { "main-server": facts }, warnings: [] });
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
