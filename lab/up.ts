import { Listr, type ListrTask } from "listr2";
import { docker } from "./docker.ts";
import { ensureContainer, waitForBoot } from "./host-container.ts";
import { writeHostsFile } from "./hosts-file.ts";
import { ensureClientKeys, writeHostKeys } from "./keys.ts";
import { clusterPrograms, forgetClusterAuthority, writeClusterAuthority } from "./kubernetes.ts";
import { withLabLock } from "./lock.ts";
import { hostParts, isCurrent, provision } from "./provision.ts";
import { hostNames, type LabHost, labHost } from "./settings.ts";
import { checkSsh } from "./ssh.ts";

/** Brings the lab into its declared state from whatever state it is in. */
export async function up(): Promise<void> {
  const onWait = () => console.log("Another lab command is at work; waiting for it.");
  await withLabLock(() => new Listr(upTasks(), { concurrent: false, fallbackRenderer: "verbose" }).run(), { onWait });
}

function upTasks(): ListrTask[] {
  return [
    {
      title: "Keys",
      task: async () => {
        await docker(["version", "--format", "{{.Server.Version}}"], { timeout: 10_000 });
        // A wrong LAB_K3S fails here, before any host is touched.
        await clusterPrograms();
        await ensureClientKeys();
      },
    },
    {
      title: "Hosts",
      task: (_, task) => task.newListr(hostNames.map(labHost).map(hostTask), { concurrent: true }),
    },
    { title: "hosts.json", task: writeHostsFile },
  ];
}

function hostTask(host: LabHost): ListrTask {
  return {
    title: host.name,
    task: async (_, task) => {
      const did: string[] = [];
      task.output = `${host.name}: container`;
      const change = await ensureContainer(host);
      if (change !== undefined) did.push(change);
      task.output = `${host.name}: boot`;
      const parts = await hostParts(host);
      const paths = parts.flatMap((part) => part.paths);
      const seen = await waitForBoot(host, paths);
      await writeHostKeys(host, seen.hostKeys);
      for (const part of parts) {
        if (await isCurrent(part, seen)) continue;
        task.output = `${host.name}: ${part.name}`;
        await provision(host, part);
        did.push(part.name);
      }
      task.output = `${host.name}: login`;
      await checkSsh(host);
      const failed = seen.failedUnits.length > 0 ? `; failed units: ${seen.failedUnits.join(", ")}` : "";
      const cluster = host.name === "d601" ? await describeCluster(host) : "";
      task.title = `${host.name}: ${did.join(", ") || "as declared"}${failed}${cluster}`;
    },
  };
}

/** Writes down who vouches for the cluster; says why there is none. */
async function describeCluster(host: LabHost): Promise<string> {
  const programs = await clusterPrograms();
  if ("missing" in programs) {
    await forgetClusterAuthority();
    return `; no cluster: ${programs.missing}`;
  }
  await writeClusterAuthority(host);
  return "";
}
