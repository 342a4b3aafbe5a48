import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import { type BenchContext, median, row } from "./support.ts";
import { type SyntheticFigures, syntheticSites } from "./synthetic.ts";

const rounds = 3;

/** One review of all stacks beside `cdktf diff` of each of them, and how synth and plan grow with the number of services. */
export async function benchReview({ site, say }: BenchContext): Promise<void> {
  const { root } = site;
  const unidesk = (...args: string[]) => timed(root, "node", [join(root, "bin", "unidesk.js"), ...args]);
  const { stdout } = await execa("node", [join(root, "bin", "unidesk.js"), "review", "--json"], {
    cwd: root,
    reject: false,
  });
  const stacks = (JSON.parse(stdout) as { stacks: { name: string }[] }).stacks.map(({ name }) => name);
  const [anew, warm, diffs]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    forgetPlans(root);
    anew.push(await unidesk("review"));
    warm.push(await unidesk("review"));
    let all = 0;
    for (const stack of stacks) all += await timed(root, "cdktf", ["diff", stack]);
    diffs.push(all);
  }
  say(row(`review, ${stacks.length} stacks, all anew`, anew));
  say(row("review, nothing changed", warm));
  say(row("cdktf diff, one by one", diffs));
  const times = (values: readonly number[]) => (median(diffs) / median(values)).toFixed(1);
  say(
    `cdktf diff takes ${times(anew)} times as long as a review of everything anew, ${times(warm)} times as long as the next one`,
  );
  say("");
  say("services   synth s   plan s   synth MB   plan MB   (one stack, empty state)");
  for await (const figures of syntheticSites(site)) say(syntheticRow(figures));
}

function syntheticRow({
  services,
  synthSeconds,
  planSeconds,
  synthMegabytes,
  planMegabytes,
}: SyntheticFigures): string {
  return [
    String(services).padStart(8),
    synthSeconds.toFixed(2).padStart(9),
    planSeconds.toFixed(2).padStart(8),
    synthMegabytes.toFixed(0).padStart(10),
    planMegabytes.toFixed(0).padStart(9),
  ].join(" ");
}

/** What `planStack` remembers of the last time; the providers stay initialized. */
function forgetPlans(root: string): void {
  const work = join(root, ".unidesk", "review");
  for (const name of readdirSync(work, { recursive: true, encoding: "utf8" })) {
    if (basename(name) === "reviewed.json") rmSync(join(work, name));
  }
}

async function timed(root: string, file: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const result = await execa(file, args, {
    cwd: root,
    preferLocal: true,
    localDir: root,
    reject: false,
    env: { CI: "1", CHECKPOINT_DISABLE: "1" },
  });
  const seconds = (performance.now() - started) / 1000;
  const isReview = args.includes("review");
  if (result.exitCode !== 0 && !(isReview && (result.exitCode === 2 || result.exitCode === 1))) {
    throw new Error(`${file} ${args.join(" ")} exited with ${result.exitCode}:\n${result.stderr}`);
  }
  return seconds;
}
