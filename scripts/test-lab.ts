// Runs the lab's tests in two labs at once, half of the files in each: most of their time is spent waiting for hosts.
// Arguments go to vitest; with any, such as a file's name, one lab is enough.
import { execa } from "execa";
import { basePort } from "../lab/settings.ts";
import { labName } from "../tools/paths.mjs";

const reporters = ["--reporter=default", "--reporter=json"];
const results = (name: string) => `--outputFile.json=.unidesk/results/${name}.json`;
const named = process.argv.slice(2);

const labs = [
  { UNIDESK_LAB: labName, UNIDESK_LAB_PORT: String(basePort()) },
  { UNIDESK_LAB: `${labName}-2`, UNIDESK_LAB_PORT: String(basePort() + 10) },
];
const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) =>
  execa(file, args, { preferLocal: true, stdio: ["ignore", "inherit", "inherit"], reject: false, env });

if (named.length > 0) {
  const { exitCode } = await run("vitest", ["run", "--project", "lab", ...reporters, results("lab"), ...named], {});
  process.exit(exitCode ?? 1);
}
// One after the other: images and the cluster's program are built once, for both.
for (const lab of labs) {
  const { exitCode } = await run("tsx", ["lab/cli.ts", "up"], lab);
  if (exitCode !== 0) process.exit(exitCode ?? 1);
}
const codes = await Promise.all(
  labs.map(async (lab, index) => {
    const shard = `--shard=${index + 1}/${labs.length}`;
    const args = ["run", "--project", "lab", shard, ...reporters, results(`lab-${index + 1}`)];
    const { exitCode } = await run("vitest", args, lab);
    return exitCode ?? 1;
  }),
);
process.exit(Math.max(...codes));
