import { chmodSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { k3sNamespace } from "../../lib/steps/k3s-namespace.ts";
import type { StepContext } from "../../lib/steps/specs.ts";
import { localHost, tempFolder, write } from "../support.ts";

test("an API that is away for a moment is waited for", async () => {
  const folder = tempFolder();
  const script = `#!/bin/bash
cd ${folder}
echo "$*" >> calls
[ "$(wc -l < calls)" -gt 1 ] || { echo "connection refused" >&2; exit 1; }
`;
  const kubectl = write(folder, "kubectl", script);
  chmodSync(kubectl, 0o755);
  chmodSync(write(folder, "sudo", '#!/bin/bash\nshift\nexec "$@"\n'), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  const said: string[] = [];
  const context = { connection: () => localHost(folder), say: (line: string) => said.push(line) };
  try {
    const spec = { cluster: { host: "d601", kubectl }, namespace: "ns" } as const;
    await k3sNamespace(spec, context as unknown as StepContext);
  } finally {
    vi.unstubAllEnvs();
  }
  expect(said.at(-1)).toBe("namespace ns created");
});
