import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ArtifactDetails } from "../../lib/artifacts/details.ts";
import type { ListedTag } from "../../lib/artifacts/inventory.ts";
import { showDetails, showList } from "../../lib/cli/artifact-list.ts";
import { commitA, digestA } from "../support.ts";

let shown = "";
beforeEach(() => {
  shown = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    shown += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** Clears the screen, turns the direction, begins a line of its own. */
const evil = "\u001b[2J\u202egood\nverdict  ok";
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
const control = /[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202e]|\u001b(?!\[\d+m)/u;
const verdict = { ok: false, reasons: [{ what: `label ${evil}`, expected: "a", found: evil, where: evil }] };
const pins = [{ environment: "prod", digest: null }];

test("fails if a label, a tag or a record of somebody else's moves the cursor or begins a line", () => {
  const details: ArtifactDetails = {
    ...{ serviceId: "frontend", kind: "build", imageRef: "127.0.0.1:5000/unidesk/frontend", tags: [commitA, evil] },
    ...{ digest: digestA, manifestDigest: digestA, configDigest: digestA, created: evil, bytes: 1, layers: [] },
    ...{ labels: { [`key${evil}`]: evil }, verdict, pins },
    record: { serviceId: evil, sourceCommit: evil, digest: evil, path: "/record.json", agrees: false },
  };
  showDetails(details);
  expect(shown).not.toMatch(control);
  expect(shown.split("\n").filter((line) => line.startsWith("verdict"))).toHaveLength(1);
});

test("fails if a name or a reason of the registry's list does so", () => {
  const tag: ListedTag = {
    ...{ serviceId: `unidesk/${evil}`, kind: "unknown", imageRef: `127.0.0.1:5000/${evil}`, tag: evil, digest: null },
    ...{ bytes: null, created: evil, deployable: false, verdict, pins: [] },
  };
  showList([tag]);
  expect(shown).not.toMatch(control);
  expect(shown).toContain("?[2J?good?verdict");
});
