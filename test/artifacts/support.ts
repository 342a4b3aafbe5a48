import { afterAll, beforeAll, vi } from "vitest";
import { hostsFile, labExec } from "../../lab/index.ts";
import { run } from "../../lib/cli/main.ts";
import { checkout } from "../checkout.ts";
import { LabSite, registry, registryPaths, registryStack, registryStatus, until } from "../lab-support.ts";

/** Storage of the registry, below which repositories and blobs lie. */
export const storage = `${registryPaths.storage}/docker/registry/v2`;

/** For tests that change nothing but the registry's content, of what no pin names: there is nothing to deploy again after them. */
export function useRegistrySite(): LabSite {
  const site = new LabSite();
  beforeAll(async () => {
    await site.open();
    await site.deploy(registryStack);
  });
  afterAll(() => site.close());
  return site;
}

/** After storage was changed by hand: the registry remembers blobs. */
export async function restartRegistry(): Promise<void> {
  await labExec("d601", `systemctl restart ${registry.name}`);
  await until("the registry answers again", 60_000, async () => (await registryStatus()) === "200");
}

/** What the registry names by a reference; empty where it has no such thing. */
export async function digestIn(repository: string, reference: string): Promise<string> {
  const types = ["manifest.v2+json", "manifest.list.v2+json"].map(
    (type) => `application/vnd.docker.distribution.${type}`,
  );
  const url = `http://127.0.0.1:${registry.port}/v2/${repository}/manifests/${reference}`;
  const headers = await labExec("d601", `curl -sfI -H 'Accept: ${types.join(", ")}' ${url} || true`);
  return /^docker-content-digest: (\S+)/im.exec(headers)?.[1] ?? "";
}

/** A command in this process: starting one takes longer than most of these commands. One at a time. */
export async function cli(site: LabSite, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let stdout = "";
  let output = "";
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output += text;
      if (name === "stdout") stdout += text;
      return true;
    }),
  );
  for (const [name, value] of Object.entries({ UNIDESK_HOSTS: hostsFile, TMPDIR: site.folder, ...env })) {
    vi.stubEnv(name, value);
  }
  try {
    const exitCode = await run(args, checkout);
    site.printed.push(output);
    return { exitCode, stdout, output };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
    process.exitCode = undefined;
  }
}
