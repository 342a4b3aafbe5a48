import { existsSync } from "node:fs";
import { kubernetesPrograms, kubernetesSource, kubernetesVersion } from "../../tools/kubernetes.mjs";
import { goBuildFolder } from "./go-build.mjs";
import { Problem } from "./problem.mjs";
import { onPath } from "./run.mjs";

// Without these the API server says v0.0.0-master, which clients take for a very old one.
const versionPackage = "k8s.io/component-base/version";
const [major, minor] = kubernetesVersion.slice(1).split(".");
const version = { gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };

/**
 * Builds the programs of the lab's cluster, once for each version of their sources. A k3s binary of the user's own, or
 * the wish for no cluster (LAB_K3S), makes that unnecessary.
 * @param {string} cacheDir
 * @param {boolean} checkOnly
 */
export async function prepareKubernetes(cacheDir, checkOnly) {
  const programs = kubernetesPrograms();
  if (process.env.LAB_K3S || existsSync(programs)) return;
  const remedy = "install Go >= 1.24 and run this again, or name a k3s binary: LAB_K3S=FILE; LAB_K3S=none hides this";
  if (onPath("go").length === 0)
    throw new Problem("the lab's d601 gets no Kubernetes cluster: go, which builds it, is not on PATH", remedy);
  if (checkOnly)
    throw new Problem(
      "the lab's d601 gets no Kubernetes cluster: its programs are not built",
      "node scripts/prepare.mjs",
    );
  await goBuildFolder({
    title: `Kubernetes ${kubernetesVersion} for the lab (5 to 10 minutes, once)`,
    source: kubernetesSource,
    programs: { k3s: ".", pause: "./pause" },
    tags: "providerless",
    ldflags: Object.entries(version)
      .map(([name, value]) => `-X ${versionPackage}.${name}=${value}`)
      .join(" "),
    target: programs,
    cacheDir,
  });
}
