import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type HostFacts, observeHost } from "../../lib/observe/host.ts";
import { receiptPath } from "../../lib/receipts.ts";
import { localHost, tempFolder, write } from "../support.ts";

// A machine without a machine id, such as a Mac, is no host.
describe.runIf(existsSync("/etc/machine-id"))("a look at this machine", () => {
  const host = localHost(tempFolder());
  let facts: HostFacts;

  beforeAll(async () => {
    const receipt = (name: `${string}/${string}`, text: string) => write("/", receiptPath(host, name), text);
    receipt("d601-registry/registry-config", "generation 7\nspec abc\nrepair 7: config.yml edited\n");
    receipt("d601-registry/registry-unit", "generation 1\nspec def\nrepair \n");
    receipt("d601-registry/broken", "generation one\n");
    facts = await observeHost(host, { services: [] });
  });

  test("finds receipts, and takes a broken one for none", () => {
    expect([...facts.receipts].sort()).toEqual([
      ["d601-registry/registry-config", { generation: 7, spec: "abc", repair: "7: config.yml edited" }],
      ["d601-registry/registry-unit", { generation: 1, spec: "def", repair: "" }],
    ]);
  });

  test("says since when the nearest parent of a receipt is there, the same again", async () => {
    const here = facts.origin("d601-registry/x");
    expect(here).toMatch(/^[0-9a-f]{32} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+$/);
    expect(facts.origin("unidesk-prod-main-server/x")).toMatch(/^[0-9a-f]{32} \d{4}-/);
    const again = await observeHost(host, { services: [] });
    expect(again.origin("d601-registry/x")).toBe(here);
  });

  test("finds nothing where nothing was ever done", async () => {
    const empty = await observeHost(localHost(tempFolder()), { services: [] });
    expect(empty).toMatchObject({ registry: undefined, receipts: new Map(), services: new Map() });
    expect(empty.origin("d601-registry/x")).toMatch(/^[0-9a-f]{32} \d{4}-/);
  });
});
