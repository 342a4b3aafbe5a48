import { createHash } from "node:crypto";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import {
  containerFacts,
  fileOn,
  home,
  lines,
  listenersOn,
  otherCheckout,
  registry,
  registryPaths,
  registryStack,
  registryStatus,
  swapHostKeys,
  until,
  useLabSite,
  writeOn,
} from "../lab-support.ts";

const site = useLabSite("registry");
const unit = `${registry.name}.service`;
const image = `${registry.address}:${registry.port}/unidesk/frontend`;

test("deploys from nothing, byte for byte what render prints", async () => {
  await wipeInstallation();
  const output = await site.deploy(registryStack, { cli: true });
  expect(output).toContain("the registry is as declared, on loopback only");
  expect(await unitStates()).toEqual(["active", "enabled"]);
  expect(await registryStatus()).toBe("200");

  const { stdout } = await site.unidesk(["registry", "render", "--json"]);
  const { files } = JSON.parse(stdout) as { files: { path: string; sha256: string; content: string }[] };
  expect(files.map(({ path }) => path)).toEqual([registryPaths.config, registryPaths.compose, registryPaths.unit]);
  for (const { path, sha256, content } of files) {
    const found = await fileOn("d601", path);
    expect(found.bytes, path).toBe(Buffer.from(content).toString("latin1"));
    expect(createHash("sha256").update(found.bytes, "latin1").digest("hex")).toBe(sha256);
    expect(found.status).toMatch(/^root:root 644 /);
  }
  expect(await leftovers()).toEqual([]);
});

describe("installed", () => {
  beforeAll(async () => {
    await site.deploy(registryStack);
  });

  test("a second apply and a second diff change nothing", async () => {
    const before = await installation();
    expect(await site.deploy(registryStack)).toContain("No changes.");
    expect(await site.diff(registryStack)).toContain("No changes.");
    expect(await installation()).toEqual(before);
  });

  test("an apply without its state recognises what is there", async () => {
    const before = await installation();
    site.removeState();
    expect(await site.deploy(registryStack)).toContain("the registry runs as declared");
    expect(await installation()).toEqual(before);
  });

  test("listens on d601's loopback and on no other address", async () => {
    expect(await listenersOn("d601", `sport = :${registry.port}`)).toEqual([`127.0.0.1:${registry.port}`]);

    const address = await labExec("d601", 'ip -4 -o addr show dev eth0 | awk \'{ sub("/.*", "", $4); print $4 }\'');
    expect(address).toMatch(/^[0-9.]+$/);
    const attempt = (port: number) => [
      "bash",
      "-c",
      `timeout 5 bash -c '</dev/tcp/${address}/${port}' 2>&1; echo "exit $?"`,
    ];
    expect(await labExec("main-server", attempt(22)), "the way from main-server to d601").toBe("exit 0");
    expect(await labExec("main-server", attempt(registry.port))).toContain("Connection refused");
    const [file = "", ...args] = attempt(registry.port);
    expect((await execa(file, args)).stdout, "from the runner").not.toContain("exit 0");
  });

  test("changed settings are written and the service restarted; the unit never stops for good", async () => {
    const storage = await storageFiles();
    const before = await containerFacts("d601", registry.name);
    const other = "registry:2.8.3-other";
    await labExec("d601", ["docker", "tag", registry.image, other]);
    const cwd = otherCheckout(site, (context) => {
      context.registry = { image: other };
    });
    const output = await site.deploy(registryStack, { cwd });
    expect(output).toContain("Plan: 3 to add, 0 to change, 3 to destroy.");
    expect(output).toContain("restarted the registry");
    expect(output).not.toMatch(/registry-stop[^\n]*(Destroying|must be replaced)/);
    expect(await labExec("d601", ["docker", "inspect", "-f", "{{.Config.Image}}", registry.name])).toBe(other);
    expect(await unitStates()).toEqual(["active", "enabled"]);
    expect((await containerFacts("d601", registry.name))?.id).not.toBe(before?.id);

    await site.deploy(registryStack);
    await labExec("d601", ["docker", "rmi", other]);
    expect(await listenersOn("d601", `sport = :${registry.port}`)).toEqual([`127.0.0.1:${registry.port}`]);
    expect(await site.diff(registryStack)).toContain("No changes.");
    expect(await storageFiles()).toEqual(storage);
  });

  test("a hand-edited file is put right and the service restarted when its resource runs again", async () => {
    const declared = await fileOn("d601", registryPaths.config);
    const before = await containerFacts("d601", registry.name);
    await writeOn("d601", registryPaths.config, declared.bytes.replace('"info"', '"debug"'));
    await site.taint(registryStack, "registry-config");
    const output = await site.deploy(registryStack);
    expect(output).toContain(`wrote ${registryPaths.config}`);
    expect(output).toContain("restarted the registry");
    expect((await fileOn("d601", registryPaths.config)).bytes).toBe(declared.bytes);
    expect((await containerFacts("d601", registry.name))?.id).not.toBe(before?.id);
  });

  test("destroy stops and disables the unit; files and storage stay, and the artifact is there after a new deploy", async () => {
    const { digest } = await site.publish("frontend", labCommits.unidesk.first);
    const before = { storage: await storageFiles(), files: await managedFiles(), blobs: await artifactBlobs(digest) };
    expect(before.blobs.length).toBeGreaterThan(2);

    await site.destroy(registryStack, { cli: true });
    const destroyed = {
      unit: await unitStates(),
      api: await registryStatus(),
      storage: await storageFiles(),
      files: await managedFiles(),
    };
    await site.deploy(registryStack);
    const { storage, files } = before;
    expect(destroyed).toEqual({ unit: ["inactive", "disabled"], api: "000", storage, files });
    expect(await unitStates()).toEqual(["active", "enabled"]);
    expect(await artifactBlobs(digest)).toEqual(before.blobs);
    await labExec("d601", ["docker", "pull", "-q", `${image}@${digest}`]);
  });

  // lab.md, "Registry unit: what comes back".
  test.each([
    { event: "docker rm -f", command: `docker rm -f ${registry.name}`, seconds: 30 },
    { event: "docker stop", command: `docker stop ${registry.name}`, seconds: 30 },
    {
      event: "the registry's process killed",
      command: `kill -9 "$(docker inspect -f '{{.State.Pid}}' ${registry.name})"`,
      seconds: 30,
    },
    {
      event: "docker stopped, then started",
      command: "systemctl stop docker.socket docker.service && systemctl start docker.service",
      seconds: 60,
    },
    { event: "dockerd killed", command: 'kill -9 "$(cat /run/docker.pid)"', seconds: 120 },
  ])("comes back by itself after $event", async ({ command, seconds }) => {
    const before = await containerFacts("d601", registry.name);
    expect(before?.running).toBe(true);
    // Else systemd takes several tests in a row for a service that keeps failing.
    await labExec("d601", "systemctl reset-failed docker.service docker.socket || true");
    await labExec("d601", command);
    await until(`a new start of the registry that answers, after: ${command}`, seconds * 1000, async () => {
      const now = await containerFacts("d601", registry.name);
      return now?.running === true && now.startedAt !== before?.startedAt && (await registryStatus()) === "200";
    });
    expect(await unitStates()).toEqual(["active", "enabled"]);
    expect(await listenersOn("d601", `sport = :${registry.port}`)).toEqual([`127.0.0.1:${registry.port}`]);
  });

  test("fails if the host key is another: Terraform's SSH writes nothing and says so", async () => {
    const before = await installation();
    const output = await site.failDeploy(registryStack, { state: "wrong-key", hosts: swapHostKeys });
    expect(output).toContain("knownhosts: key mismatch");
    expect(output).not.toMatch(/remote-exec\): Connected!/);
    expect(await installation()).toEqual(before);
    expect(await leftovers()).toEqual([]);
  });

  test("fails if the host key is another: OpenSSH sends nothing and says so", async () => {
    const args = ["artifact", "publish", "--service", "frontend", "--commit", labCommits.unidesk.first];
    const { exitCode, output } = await site.unidesk(args, { hosts: swapHostKeys });
    expect(exitCode).toBe(3);
    expect(output).toMatch(
      /^infra-blocked: d601: the host key of 127\.0\.0\.1:\d+ is not one of the pinned keys; nothing was sent$/m,
    );
    expect(output).toMatch(/^ {2}remedy: .*console/m);
  });
});

/** Removes everything that the stack installs. The storage is not part of that. */
async function wipeInstallation(): Promise<void> {
  await labExec(
    "d601",
    `systemctl disable --now ${unit} 2>/dev/null || true
     rm -rf ${registryPaths.unit} ${registryPaths.folder}
     systemctl daemon-reload
     docker rm -f ${registry.name} 2>/dev/null || true`,
  );
  expect(await registryStatus()).toBe("000");
}

async function unitStates(): Promise<string[]> {
  return lines(await labExec("d601", `systemctl is-active ${unit} || true; systemctl is-enabled ${unit} || true`));
}

async function managedFiles() {
  return Promise.all(
    [registryPaths.config, registryPaths.compose, registryPaths.unit].map((path) => fileOn("d601", path)),
  );
}

/** Everything that would change if anything was written or restarted. */
async function installation() {
  const started = await labExec("d601", `systemctl show -p ActiveEnterTimestampMonotonic --value ${unit}`);
  return { files: await managedFiles(), container: await containerFacts("d601", registry.name), started };
}

/** Stage files of Terraform's provisioners and scripts with a text; an emptied script of a fixed name stays. */
async function leftovers(): Promise<string[]> {
  const names = "\\( -name '.unidesk-*' -o -name 'terraform_*' \\)";
  return lines(await labExec("d601", `find ${home} /tmp -maxdepth 1 ${names} -size +0`));
}

/** Every file of the storage with its hash. */
async function storageFiles(): Promise<string[]> {
  return lines(
    await labExec("d601", `find ${registryPaths.storage} -type f -print0 | sort -z | xargs -0 -r sha256sum`),
  );
}

/** Hashes of an artifact's manifest and of every blob that it names, as the registry serves them. */
async function artifactBlobs(digest: string | undefined): Promise<string[]> {
  const script = `
    base=http://127.0.0.1:${registry.port}/v2/unidesk/frontend
    manifest=$(curl -fsS -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$base/manifests/$1"; echo .)
    printf %s "\${manifest%.}" | sha256sum
    for blob in $(printf %s "\${manifest%.}" | jq -r '.config.digest, .layers[].digest'); do
      curl -fsS "$base/blobs/$blob" | sha256sum
    done`;
  const hashes = lines(await labExec("d601", ["bash", "-ceu", script, "blobs", digest ?? ""]));
  expect(hashes[0]).toBe(`${digest?.replace("sha256:", "")}  -`);
  return hashes;
}
