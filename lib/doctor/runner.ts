import { execa } from "execa";
import { check, type DoctorCheck } from "./checks.ts";

/** Looks at the machine that runs the commands. */
export async function examineRunner(root: string): Promise<DoctorCheck[]> {
  const where = "runner";
  const version = async (file: string, args: readonly string[], remedy: string): Promise<DoctorCheck> => {
    const result = await execa(file, args, {
      reject: false,
      timeout: 10_000,
      preferLocal: true,
      localDir: root,
      all: true,
    });
    const [line = ""] = (result.all ?? "").split("\n");
    const ok = result.exitCode === 0;
    return check(where, file, ok, ok ? line.trim() : "not found", remedy);
  };
  const prepare = "node scripts/prepare.mjs";
  return [
    check(
      where,
      "node",
      Number(process.versions.node.split(".")[0]) >= 20,
      process.versions.node,
      "install Node 20 or newer",
    ),
    ...(await Promise.all([
      version("ssh", ["-V"], "install the OpenSSH client"),
      version("git", ["--version"], "install git"),
      version("terraform", ["version"], prepare),
    ])),
  ];
}
