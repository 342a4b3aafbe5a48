import { existsSync, lstatSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { labExec } from "../../lab/index.ts";
import { type DeliveryRecord, deliveryPath, parseDeliveryRecord } from "../../lib/delivery/record.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import type { StepSpecs } from "../../lib/steps/specs.ts";
import { StepRunner } from "../lab-steps.ts";
import {
  environmentOf,
  home,
  LabSite,
  listenersOn,
  type RunnerProcess,
  registry,
  registryPaths,
  registryStack,
  registryStatus,
  runnerProcesses,
  until,
} from "../lab-support.ts";

/** A layer that does not shrink: its name and size in MB. The same two are the same layer in every image. */
export type TestLayer = readonly [name: string, megabytes: number];

export interface TestImage {
  readonly service: string;
  readonly commit: string;
  readonly stableImage: string;
  readonly digest: string;
  /** Id with the classic image store. */
  readonly id: string;
}

const folder = "/var/tmp/unidesk-test-images";

const script = `
folder=$1 reference=$2 service=$3 commit=$4
shift 4
rm -rf "$folder" && mkdir "$folder" && cd "$folder"
echo 'FROM scratch' > Dockerfile
for layer in "$@"; do
  name=\${layer%:*}
  # Bytes that do not shrink and are the same in every run: the registry's storage does not grow.
  key=$(printf %s "$layer" | md5sum | cut -c-32)
  head -c "\${layer#*:}M" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$key" -iv 0 > "$name" 2>/dev/null
  touch -d @0 "$name"
  echo "COPY $name /" >> Dockerfile
done
echo "LABEL org.opencontainers.image.revision=$commit dev.unidesk.service=$service" >> Dockerfile
echo 'CMD ["none"]' >> Dockerfile
docker build -q -t "$reference" . >&2
docker push -q "$reference" >&2
docker image inspect -f '{{index .RepoDigests 0}} {{.Id}}' "$reference"
`;

/** Publishes an image of layers that no other one has; `removeImages` takes everything away again. */
export async function pushImage(name: string, commit: string, layers: readonly TestLayer[]): Promise<TestImage> {
  const service = `ut-${name}`;
  const reference = `${registry.address}:${registry.port}/unidesk/${service}:${commit}`;
  const words = layers.map(([layer, megabytes]) => `${layer}:${megabytes}`);
  const args = ["bash", "-ceu", script, "image", folder, reference, service, commit, ...words];
  const [digestRef = "", id = ""] = (await labExec("d601", args)).trim().split("\n").at(-1)?.split(" ") ?? [];
  return { service, commit, stableImage: `unidesk-${service}`, digest: digestRef.replace(/^.*@/, ""), id };
}

export function deliverySpec(
  image: TestImage,
  target: "d601" | "main-server" = "main-server",
): StepSpecs["image-delivery"] {
  const { service, commit, digest, stableImage } = image;
  const artifact = { service, repository: `unidesk/${service}`, commit, digest };
  return { registry: { host: "d601", port: registry.port }, target, artifact, stableImage };
}

const removeScript = `
ids=$(docker image ls --digests --format '{{.Repository}} {{.ID}}' | awk '$1 ~ /(^unidesk-|\\/unidesk\\/)ut-/ { print $2 }' | sort -u)
[ -z "$ids" ] || docker rmi -f $ids >/dev/null
rm -rf ${folder} ${hostPaths({ home }).deliveries}/ut-* ${hostPaths({ home }).locks}/delivery-ut-*
`;

/** Takes every image of these tests off a host, layers and records included. */
export async function removeImages(host: "d601" | "main-server"): Promise<void> {
  await labExec(host, ["bash", "-ceu", removeScript]);
}

/** Takes their tags out of the registry; its blobs stay, and the next run pushes the same. */
export async function removeTags(): Promise<void> {
  const repositories = `${registryPaths.storage}/docker/registry/v2/repositories/unidesk`;
  await labExec("d601", `rm -rf ${repositories}/ut-*/_manifests/tags/*`);
}

/** A site with the registry up, and none of these tests' images on the hosts afterwards. */
export function useDeliveryLab(): { readonly site: LabSite; readonly steps: StepRunner } {
  const site = new LabSite();
  const clean = () => Promise.all([removeImages("main-server"), removeImages("d601")]);
  beforeAll(async () => {
    await site.open();
    if ((await registryStatus()) !== "200") await site.deploy(registryStack, { state: "restore" });
    await clean();
  });
  afterAll(async () => {
    await clean();
    await removeTags();
    await site.close();
  });
  return { site, steps: new StepRunner(site) };
}

/** Runs `use` while d601 sends slowly, so that a pull can be watched. */
export async function withSlowRegistry<T>(megabits: number, use: () => Promise<T>): Promise<T> {
  await labExec("d601", `tc qdisc replace dev eth0 root tbf rate ${megabits}mbit burst 64kb latency 200ms`);
  try {
    return await use();
  } finally {
    await labExec("d601", "tc qdisc del dev eth0 root");
  }
}

/**
 * Starts a delivery that has looked at its target and waits for its turn there, lets `meanwhile` change the target,
 * and returns what the delivery printed.
 */
export async function deliverAfter(
  steps: StepRunner,
  image: TestImage,
  meanwhile: () => Promise<unknown>,
): Promise<string> {
  const { locks } = hostPaths({ home });
  const unit = "ut-delivery-lock";
  const hold = `runuser -u ubuntu -- mkdir -p ${locks}; systemd-run --quiet --collect --unit=${unit} --uid=ubuntu flock ${locks}/delivery-${image.service} sleep 100`;
  await labExec("main-server", hold);
  try {
    await until("the lock is held", 10_000, async () => {
      const free = `flock -n ${locks}/delivery-${image.service} true && echo free || echo held`;
      return (await labExec("main-server", free, { user: "ubuntu" })).trim() === "held";
    });
    const step = steps.start("image-delivery", deliverySpec(image), ["d601", "main-server"]);
    let said = "";
    step.all.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until("the delivery waits", 30_000, async () => said.includes("waiting: another delivery"));
    await meanwhile();
    await labExec("main-server", `systemctl stop ${unit}`);
    const { exitCode, all } = await step;
    expect(exitCode, all).toBe(0);
    return all;
  } finally {
    await labExec("main-server", `systemctl stop ${unit} 2>/dev/null || true`);
  }
}

/** What a delivery recorded on main-server. */
export async function recordOf({ service, commit }: TestImage): Promise<DeliveryRecord> {
  const text = await labExec("main-server", ["cat", deliveryPath({ home }, service, commit)]);
  const record = parseDeliveryRecord(text);
  if (!record) throw new Error(`no delivery record: ${text}`);
  return record;
}

/** Bytes that main-server's network received while `use` ran. */
export async function receivedBytes(use: () => Promise<unknown>): Promise<number> {
  const counter = async () => Number(await labExec("main-server", "cat /sys/class/net/eth0/statistics/rx_bytes"));
  const before = await counter();
  await use();
  return (await counter()) - before;
}

/** Processes of a site on the runner that hold a tunnel: holders, and their SSH clients. */
export async function tunnelProcesses(site: LabSite): Promise<RunnerProcess[]> {
  return (await runnerProcesses())
    .filter(
      ({ args }) =>
        / tunnel-holder$/.test(args) || (/^ssh .* -[LR] |^ssh -[LR] /.test(args) && args.includes(site.folder)),
    )
    .filter(({ pid }) => environmentOf(pid).includes(`TMPDIR=${site.folder}`));
}

/** Sockets and locks of tunnels in the site's private folder, with their modes. */
export function tunnelFiles(site: LabSite): string[] {
  const folder = join(site.folder, `unidesk-${userInfo().uid}`);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[ht]-/.test(name))
    .map((name) => `${name.slice(0, 1)} ${(lstatSync(join(folder, name)).mode & 0o777).toString(8)}`)
    .sort();
}

/** What has to be true after every delivery, however it ended. */
export async function expectNothingLeft(
  site: LabSite,
  listenersBefore: readonly string[],
  withinMs = 20_000,
): Promise<void> {
  await until("no tunnel is left on the runner", 30_000, async () => (await tunnelProcesses(site)).length === 0);
  expect(tunnelFiles(site)).toEqual([]);
  await until("no tunnel is left on main-server", withinMs, async () => {
    return JSON.stringify(await listenersOn("main-server")) === JSON.stringify(listenersBefore);
  });
}

/** Waits until docker pulls on main-server. */
export function pulling(holds = true): Promise<void> {
  return until(holds ? "docker pulls" : "docker no longer pulls", 30_000, async () => {
    const found = await labExec("main-server", "pgrep -fc '^docker pull 127.0.0.1' || true");
    return (found.trim() !== "0") === holds;
  });
}
