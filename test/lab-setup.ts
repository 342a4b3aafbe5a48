import { execa } from "execa";
import type { TestProject } from "vitest/node";
import { basePort } from "../lab/settings.ts";
import { labName } from "../tools/paths.mjs";

declare module "vitest" {
  export interface ProvidedContext {
    /** Environment of each lab: as many as test files run at the same time. */
    labs: { UNIDESK_LAB: string; UNIDESK_LAB_PORT: string }[];
  }
}

/** The hosts of every lab are up before the first lab test; they stay up for the next run. */
export default async function setup(project: TestProject): Promise<void> {
  const labs = Array.from({ length: Number(project.config.maxWorkers) }, (_, index) => ({
    UNIDESK_LAB: index === 0 ? labName : `${labName}-${index + 1}`,
    UNIDESK_LAB_PORT: String(basePort() + 10 * index),
  }));
  // One after the other: images and the cluster's program are built once, for all.
  for (const env of labs) {
    await execa("tsx", ["lab/cli.ts", "up"], { preferLocal: true, stdio: ["ignore", "inherit", "inherit"], env });
  }
  project.provide("labs", labs);
}
