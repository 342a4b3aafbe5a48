import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { rollAuth } from "../../lib/kubernetes/auth-rollout.ts";
import type { K3sTarget } from "../../lib/kubernetes/target.ts";
import { localHost, rejectionOf, tempFolder, write } from "../support.ts";
import { withoutRoot } from "./as-root.ts";

withoutRoot({ sleep: "#!/bin/sh\n" });

const sync = "1".repeat(64);

/** A cluster with a Deployment of an older auth, whose API gives no answer to the first reads. */
function clusterOf(silentReads: number) {
  const folder = tempFolder();
  const command = write(
    folder,
    "kubectl",
    `#!/bin/bash
cd ${folder}
while [ "\${1#-}" != "$1" ]; do if [ "$1" = -n ]; then shift; fi; shift; done
echo "$1" >> calls
[ "$1" = get ] || exit 0
echo "there Secret"
# What a command printed before it was cut off is no answer.
[ "$(grep -c get calls)" -gt ${silentReads} ] || exit 124
printf '%s\\n' 'dev.unidesk.auth-pods Secret "pending ${sync}"' 'template web none'
`,
  );
  chmodSync(command, 0o755);
  const target: K3sTarget = {
    host: "d601",
    kubectl: command,
    namespace: "ns",
    workloads: [{ name: "web", port: 80 }],
    health: { path: "/health", deadlineSeconds: 1 },
    registryPort: 5000,
  };
  const calls = () => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "");
  return { roll: () => rollAuth(localHost(folder), target, { secret: "auth" }), calls };
}

test("a silent API is asked again, and what it says then counts", async () => {
  const cluster = clusterOf(2);
  expect(await cluster.roll()).toEqual(["web"]);
  expect(cluster.calls()).toBe("get\nget\nget\npatch\n");
});

test("fails as an outage if it stays silent, and nothing is rolled", async () => {
  const cluster = clusterOf(99);
  expect(await rejectionOf(cluster.roll())).toBeInstanceOf(InfraBlockedError);
  expect(cluster.calls()).toBe("get\nget\nget\n");
});
