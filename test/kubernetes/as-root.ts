import { chmodSync } from "node:fs";
import { afterAll, beforeAll, vi } from "vitest";
import { tempFolder, write } from "../support.ts";

/**
 * Scripts become root; here nobody has to.
 *
 * @param programs Further ones that take the place of the machine's, by name. Default: none.
 */
export function withoutRoot(programs: Readonly<Record<string, string>> = {}): void {
  beforeAll(() => {
    const folder = tempFolder();
    for (const [name, text] of Object.entries({ sudo: '#!/bin/bash\nshift\nexec "$@"\n', ...programs })) {
      chmodSync(write(folder, name, text), 0o755);
    }
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });
}
