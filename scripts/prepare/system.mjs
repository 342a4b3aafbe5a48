import { readIfThere } from "./files.mjs";
import { Problem } from "./problem.mjs";
import { step } from "./progress.mjs";
import { lastLines, onPath, run } from "./run.mjs";

/** Programs that every run needs, and the Debian packages that have them. */
const needed = [
  { program: "git", packages: ["git"] },
  { program: "ssh", packages: ["openssh-client"] },
  { program: "ssh-keygen", packages: ["openssh-client"] },
  { program: "ps", packages: ["procps"] },
  { program: "docker", packages: ["docker.io"] },
];

export const missingPrograms = () => needed.filter(({ program }) => onPath(program).length === 0);

const isDebian = () => {
  const release = readIfThere("/etc/os-release") ?? "";
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && onPath("apt-get").length > 0;
};
export const canInstall = () => isDebian() && process.getuid?.() === 0;

let updated = false;

/** @param {readonly string[]} packages */
export async function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await step(`apt-get install ${packages.join(" ")}`, async (detail) => {
    const update = async () => {
      updated = true;
      const { code, output } = await run("apt-get", ["update"], { env, onLine: detail });
      if (code !== 0) throw new Problem(`apt-get update failed:\n${lastLines(output)}`, "apt-get update");
    };
    const install = async () => {
      // Newer releases keep the client in a package of its own, which docker.io only recommends.
      const split = packages.includes("docker.io") && (await run("apt-cache", ["show", "docker-cli"])).code === 0;
      const all = split ? [...packages, "docker-cli"] : packages;
      return run("apt-get", ["install", "-y", "--no-install-recommends", ...all], { env, onLine: detail });
    };
    let result = await install();
    if (result.code !== 0 && !updated) {
      await update();
      result = await install();
    }
    if (result.code !== 0)
      throw new Problem(
        `apt-get install failed:\n${lastLines(result.output)}`,
        `apt-get update && apt-get install ${packages.join(" ")}`,
      );
  });
}

/** @param {readonly string[]} packages */
export const howToInstall = (packages) =>
  isDebian()
    ? `sudo apt-get install ${packages.join(" ")}`
    : `install ${packages.join(", ")} with this system's packages`;

/** @param {boolean} checkOnly */
export async function preparePrograms(checkOnly) {
  let missing = missingPrograms();
  if (missing.length > 0 && canInstall() && !checkOnly) {
    await aptInstall([...new Set(missing.flatMap(({ packages }) => packages))]);
    missing = missingPrograms();
  }
  if (missing.length > 0)
    throw new Problem(
      `not on PATH: ${missing.map(({ program }) => program).join(", ")}`,
      howToInstall([...new Set(missing.flatMap(({ packages }) => packages))]),
    );
}
