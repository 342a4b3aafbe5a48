import { chmodSync } from "node:fs";
import { delimiter } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { adminCertificateScript } from "../../lib/kubernetes/admin-certificate.ts";
import { bash, tempFolder, write } from "../support.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a host of that user id does, whose sudo does as it is told. */
function readAs(uid: number, sudo: string, path?: string) {
  const folder = tempFolder();
  chmodSync(write(folder, "id", `#!/bin/sh\necho ${uid}\n`), 0o755);
  chmodSync(write(folder, "sudo", `#!/bin/sh\n${sudo}\n`), 0o755);
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env.PATH}`);
  const { exitCode, stdout } = bash(adminCertificateScript, [path ?? write(folder, "k3s.yaml", "the kubeconfig")]);
  return { exitCode, stdout: stdout.toString() };
}
const works = 'shift; exec "$@"';

test("root reads the kubeconfig, whether there is a sudo or not; anybody else by sudo", () => {
  expect(readAs(0, "exit 1")).toMatchObject({ exitCode: 0, stdout: "the kubeconfig" });
  expect(readAs(1000, works)).toMatchObject({ exitCode: 0, stdout: "the kubeconfig" });
});

test("fails apart for a sudo that refuses and for a file that is not there", () => {
  expect(readAs(1000, "exit 1").exitCode).toBe(41);
  expect(readAs(0, works, "/none").exitCode).toBe(42);
});
