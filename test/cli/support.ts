import { afterEach, beforeEach, vi } from "vitest";
import { run } from "../../lib/cli/main.ts";
import { checkout } from "../checkout.ts";
import { hostsJson, tempFolder, write } from "../support.ts";

/** The commands in this process, with hosts that nobody contacts and what they print collected. */
export function useCli() {
  let output = { stdout: "", stderr: "" };
  const setSite = (site: object) => {
    vi.stubEnv("UNIDESK_HOSTS", write(tempFolder(), "hosts.json", { target: "test", hosts: hostsJson(), ...site }));
  };
  const setPins = (prod: object, dev: object = {}) => {
    const file = write(tempFolder(), "deploy.json", { version: 1, environments: { prod, dev } });
    vi.stubEnv("UNIDESK_DEPLOY_FILE", file);
    return file;
  };
  beforeEach(() => {
    output = { stdout: "", stderr: "" };
    process.exitCode = undefined;
    for (const name of ["stdout", "stderr"] as const) {
      vi.spyOn(process[name], "write").mockImplementation((text) => {
        output[name] += text;
        return true;
      });
    }
    vi.stubEnv("CODE_QUEUE_TASK_ID", "");
    vi.stubEnv("UNIDESK_CODE_QUEUE_TASK_ID", "");
    setSite({});
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    process.exitCode = undefined;
  });
  const cli = async (...argv: string[]) => {
    output.stdout = "";
    output.stderr = "";
    const exitCode = await run(argv, checkout);
    return { exitCode, ...output };
  };
  return { cli, setSite, setPins };
}

/** What a refusal prints. */
export function refusal(what: string, found: string, ...rest: readonly string[]): string {
  return [what, `  found:   ${found}`, ...rest.map((line) => `  ${line}`), ""].join("\n");
}
