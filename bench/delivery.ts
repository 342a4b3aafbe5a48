import { join } from "node:path";
import { execa } from "execa";
import { labExec } from "../lab/index.ts";
import type { Connection } from "../lib/config/hosts.ts";
import type { Site } from "../lib/config/site.ts";
import { hostPaths } from "../lib/host-paths.ts";
import { openMaster } from "../lib/ssh/master.ts";
import { sshOptions } from "../lib/ssh/options.ts";
import { shellCommand } from "../lib/ssh/quote.ts";
import { mustRun } from "../lib/ssh/script.ts";
import { bundleSteps, type StepBundle } from "../lib/steps/bundle.ts";
import { stepVariables } from "../lib/steps/environment.ts";
import type { StepSpecs } from "../lib/steps/specs.ts";
import { formatBytes } from "../lib/verdicts/disk.ts";
import { type BenchContext, median } from "./support.ts";

const service = "bench-delivery";
const stableImage = `unidesk-${service}`;
const commits = ["1", "2"].map((digit) => digit.repeat(40)) as [string, string];
const rounds = 3;

/** Two images on d601: the same programs below, and one layer of 1.5 MB that differs. */
const buildImages = `
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir base
cp -a /usr/lib/x86_64-linux-gnu base/
echo ${service} > base/of
image=$1
shift
for commit in "$@"; do
  head -c 1500k /dev/zero | openssl enc -aes-128-ctr -nosalt -K "\${commit:0:32}" -iv 0 > changed 2>/dev/null
  printf 'FROM scratch\\nCOPY base /\\nCOPY changed /\\nCMD ["none"]\\n' > Dockerfile
  docker build -q --label org.opencontainers.image.revision="$commit" --label dev.unidesk.service=${service} -t "$image:$commit" .
  docker push -q "$image:$commit"
done
`;

interface Figures {
  readonly bytes: number;
  readonly seconds: number;
}

/** Our delivery beside `docker save | ssh | docker load`, for one changed layer and for everything missing. */
export async function benchDelivery({ site, say }: BenchContext): Promise<void> {
  const { d601, "main-server": target } = site.connections;
  const { port } = site.registry;
  const image = `127.0.0.1:${port}/unidesk/${service}`;
  const bundle = bundleSteps(site.root, join(site.root, ".unidesk", "steps"));
  const ours = (commit: string) => deliver(site, bundle, commit);
  const pipe = (commit: string) => saveAndLoad(d601, target, `${image}:${commit}`);
  const [older, newer] = commits;
  await mustRun(d601, "reach the registry", `curl -sf --noproxy '*' -o /dev/null http://127.0.0.1:${port}/v2/`);
  await mustRun(d601, "build the images", `set -eu\n${buildImages}`, [image, ...commits], { timeoutSeconds: 300 });
  try {
    say(`${"".padEnd(22)}${"bytes".padStart(12)}${"seconds".padStart(12)}   (medians of ${rounds})`);
    for (const [name, prepare] of [
      ["one changed layer", () => ours(older)],
      ["everything missing", async () => {}],
    ] as const) {
      const measured = { ours: [] as Figures[], pipe: [] as Figures[] };
      for (let round = 0; round < rounds; round += 1) {
        for (const [way, run] of [
          ["ours", ours],
          ["pipe", pipe],
        ] as const) {
          await removeImages(target, image);
          await prepare();
          // As an apply finds it: the look before it leaves both shared connections open.
          if (way === "ours") await Promise.all([d601, target].map(openMaster));
          measured[way].push(await measure(target, () => run(newer)));
        }
      }
      say(name);
      const [a, b] = [summary(measured.ours), summary(measured.pipe)];
      say(line("  delivery", formatBytes(a.bytes), `${a.seconds.toFixed(2)} s`));
      say(line("  save | ssh | load", formatBytes(b.bytes), `${b.seconds.toFixed(2)} s`));
      say(line("  ratio", (a.bytes / b.bytes).toFixed(3), (a.seconds / b.seconds).toFixed(2)));
    }
  } finally {
    await removeImages(target, image);
    await removeImages(d601, image);
    const tags = `${hostPaths(d601).registry.storage}/docker/registry/v2/repositories/unidesk/${service}/_manifests/tags`;
    await labExec("d601", ["rm", "-rf", tags]);
  }
}

function line(name: string, bytes: string, seconds: string): string {
  return name.padEnd(22) + bytes.padStart(12) + seconds.padStart(12);
}

function summary(figures: readonly Figures[]): Figures {
  return { bytes: median(figures.map(({ bytes }) => bytes)), seconds: median(figures.map(({ seconds }) => seconds)) };
}

/** Bytes that the target's network received, and the time. */
async function measure(target: Connection, work: () => Promise<unknown>): Promise<Figures> {
  const received = async () =>
    Number(
      await mustRun(
        target,
        "read the network's counter",
        `cat "/sys/class/net/$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)/statistics/rx_bytes"`,
      ),
    );
  const before = await received();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  return { seconds, bytes: (await received()) - before };
}

/** The step of the bundle, started as an apply starts it. */
async function deliver(site: Site, bundle: StepBundle, commit: string): Promise<void> {
  const spec: StepSpecs["image-delivery"] = {
    registry: { host: "d601", port: site.registry.port },
    target: "main-server",
    artifact: { service, repository: `unidesk/${service}`, commit },
    stableImage,
  };
  const connections = [site.connections.d601, site.connections["main-server"]];
  await execa("node", [bundle.path, "image-delivery"], {
    env: {
      [stepVariables.spec]: JSON.stringify(spec),
      [stepVariables.connections]: JSON.stringify(connections),
      [stepVariables.bundle]: bundle.sha256,
    },
  });
}

async function saveAndLoad(from: Connection, to: Connection, reference: string): Promise<void> {
  const ssh = (host: Connection, command: readonly string[]) =>
    shellCommand(["ssh", ...sshOptions(host), "--", host.address, shellCommand(command)]);
  const pipeline = `${ssh(from, ["docker", "save", reference])} | ${ssh(to, ["docker", "load", "-q"])}`;
  await execa("bash", ["-c", `set -o pipefail; ${pipeline}`]);
}

async function removeImages(host: Connection, image: string): Promise<void> {
  const script = `docker image ls --format '{{.ID}} {{.Repository}}' --no-trunc | awk -v a="$1" -v b="$2" '$2 == a || $2 == b { print $1 }' | sort -u | xargs -r docker rmi -f >/dev/null
rm -rf "$3"`;
  await mustRun(host, "remove the images", script, [image, stableImage, `${hostPaths(host).deliveries}/${service}`]);
}
