import { labExec } from "../lab/index.ts";
import type { ComposeSubject } from "../lib/observe/compose.ts";
import { observeHost } from "../lib/observe/host.ts";
import { openMaster } from "../lib/ssh/master.ts";
import { type BenchContext, median, row } from "./support.ts";

/** One look at a host: with one service, and with thirteen. */
export async function benchObserve({ site, say }: BenchContext): Promise<void> {
  const host = site.connections["main-server"];
  const names = Array.from({ length: 13 }, (_, index) => `bench-${index}`);
  const subjects = names.map((name): ComposeSubject => {
    const { compose, configJson } = site.hosts["main-server"];
    const target = {
      host: "main-server" as const,
      container: name,
      composeService: name,
      stableImage: "unidesk-frontend",
      ...compose,
      envFile: { configJson },
      health: { port: 8080, path: "/health", deadlineSeconds: 10, commitFrom: "reply" as const },
      gates: [],
      secrets: [],
      deployLabels: false,
    };
    return { service: name, target, commit: "0".repeat(40) };
  });
  await labExec("main-server", `for name in ${names.join(" ")}; do docker run -d --name $name unidesk-frontend; done`);
  try {
    await openMaster(host);
    const one: number[] = [];
    const all: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      one.push(await seconds(() => observeHost(host, { services: subjects.slice(0, 1) })));
      all.push(await seconds(() => observeHost(host, { services: subjects })));
    }
    say(row("one look, 1 container", one));
    say(row("one look, 13 containers", all));
    say(`ratio of the medians: ${(median(all) / median(one)).toFixed(2)}`);
  } finally {
    await labExec("main-server", `docker rm -f ${names.join(" ")}`);
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
