import { up } from "../lab/index.ts";

/** The hosts are up before the first lab test; they stay up for the next run. */
export default async function setup(): Promise<void> {
  await up();
}
