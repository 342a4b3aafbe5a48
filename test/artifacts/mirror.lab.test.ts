import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { checkout, lines } from "../lab-support.ts";
import { tempFolder, write } from "../support.ts";
import { cli, digestIn, restartRegistry, storage, useRegistrySite } from "./support.ts";

const site = useRegistrySite();
const upstream = "127.0.0.1:5001/library/sample";
/** Of an index over images for two platforms. */
let index = "";
let amd64 = "";
let arm64 = "";

/** A second registry on another loopback port of d601 is the upstream. */
const makeUpstream = `
set -eu
docker run -d --name test-upstream -p 127.0.0.1:5001:5000 registry:2.8.3 >/dev/null
for try in $(seq 1 50); do curl -sf -o /dev/null http://127.0.0.1:5001/v2/ && break; sleep 0.2; done
cd "$(mktemp -d)"
v2=application/vnd.docker.distribution.manifest
entries=
for platform in amd64 arm64; do
  echo $platform > platform
  tar -c platform | docker import --platform linux/$platform - $1:$platform >/dev/null
  docker push -q $1:$platform >/dev/null
  docker rmi $1:$platform >/dev/null
  curl -sf -H "Accept: $v2.v2+json" http://$2/manifests/$platform > manifest
  digest=sha256:$(sha256sum < manifest | cut -d' ' -f1)
  echo $digest
  entries="$entries,{\\"mediaType\\":\\"$v2.v2+json\\",\\"size\\":$(stat -c %s manifest),\\"digest\\":\\"$digest\\",\\"platform\\":{\\"os\\":\\"linux\\",\\"architecture\\":\\"$platform\\"}}"
done
printf '{"schemaVersion":2,"mediaType":"%s.list.v2+json","manifests":[%s]}' $v2 "\${entries#,}" > index
curl -sf -X PUT -H "Content-Type: $v2.list.v2+json" --data-binary @index http://$2/manifests/1.0
echo sha256:$(sha256sum < index | cut -d' ' -f1)
# The tag moves on: what is mirrored is what CI.json names by digest.
curl -sf -X PUT -H "Content-Type: $v2.v2+json" --data-binary @manifest http://$2/manifests/1.0
`;

beforeAll(async () => {
  const url = upstream.replace("/", "/v2/");
  [amd64 = "", arm64 = "", index = ""] = lines(
    await labExec("d601", ["bash", "-c", makeUpstream, "upstream", upstream, url]),
  );
});

afterAll(async () => {
  await labExec("d601", `docker rm -fv test-upstream; rm -rf ${storage}/repositories/unidesk/mirror/sample-*`);
  await restartRegistry();
});

/** With CI.json's entries and one more. */
function run(name: string, digest: string, ...args: string[]) {
  const ci = JSON.parse(readFileSync(join(checkout, "CI.json"), "utf8")) as { artifacts: object[] };
  const entry = {
    serviceId: name,
    kind: "upstream-image",
    sourceRepo: "https://example.org/sample",
    upstream: `${upstream}:1.0`,
    digest,
    mirror: `127.0.0.1:5000/unidesk/mirror/${name}`,
  };
  const file = write(tempFolder(), "CI.json", { ...ci, artifacts: [...ci.artifacts, entry] });
  return cli(site, ["artifact", ...args], { UNIDESK_CI_FILE: file });
}
const mirror = (name: string, digest = index) => run(name, digest, "mirror", "--service", name, "--json");

/** Hides programs from everybody on d601. */
async function without<T>(programs: readonly string[], use: () => Promise<T>): Promise<T> {
  await labExec("d601", programs.map((name) => `mv /usr/bin/${name} /usr/bin/${name}.away`).join("; "));
  try {
    return await use();
  } finally {
    await labExec("d601", programs.map((name) => `mv /usr/bin/${name}.away /usr/bin/${name}`).join("; "));
  }
}

async function requireMirror(name: string, copier: string): Promise<void> {
  const { exitCode, stdout, output } = await mirror(name);
  expect(exitCode, output).toBe(0);
  const tag = index.replace(":", "-");
  expect(JSON.parse(stdout)).toEqual({
    serviceId: name,
    upstream: `${upstream}@${index}`,
    digest: index,
    mirrorRef: `127.0.0.1:5000/unidesk/mirror/${name}:${tag}`,
    tag,
    digestRef: `127.0.0.1:5000/unidesk/mirror/${name}@${index}`,
    copied: true,
    copier,
  });
  const repository = `unidesk/mirror/${name}`;
  expect(lines(await labExec("d601", `ls ${storage}/repositories/${repository}/_manifests/tags`))).toEqual([tag]);
  for (const digest of [index, amd64, arm64]) expect(await digestIn(repository, digest)).toBe(digest);
}

test("copies by digest with every platform, under a tag that says the digest; then nothing more", async () => {
  await requireMirror("sample-skopeo", "skopeo");
  const again = await mirror("sample-skopeo");
  expect(JSON.parse(again.stdout)).toMatchObject({ copied: false, copier: null, digest: index });
  const human = await run("sample-skopeo", index, "mirror", "--service", "sample-skopeo");
  expect(lines(human.stdout)[0]).toBe("already mirrored; nothing was copied");
});

test("a mirror is listed and shown, and is not deployable", async () => {
  const list = await run("sample-skopeo", index, "list", "--service", "sample-skopeo", "--json");
  expect(JSON.parse(list.stdout).artifacts).toMatchObject([
    { serviceId: "sample-skopeo", kind: "upstream-image", digest: index, deployable: false, verdict: { ok: true } },
  ]);
  const show = await run("sample-skopeo", index, "show", "sample-skopeo", index, "--json");
  expect(JSON.parse(show.stdout)).toMatchObject({
    digest: index,
    manifestDigest: amd64,
    verdict: { ok: true },
    record: null,
  });
});

test("does the same with oras where there is no skopeo", async () => {
  await without(["skopeo"], () => requireMirror("sample-oras", "oras"));
});

test("fails if d601 has none of the programs, with the remedy", async () => {
  const { exitCode, stdout } = await without(["skopeo", "oras"], () => mirror("sample-none"));
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    error: {
      what: "sample-none: d601 has no program that copies an image between registries; the entry stays catalog-only",
      found: "neither skopeo nor oras nor crane on PATH",
      allowed: "one of skopeo, oras, crane",
      remedy: "sudo apt-get install skopeo, on d601",
    },
  });
});

test.each([[[]], [["skopeo"]]])(
  "fails if upstream has no such digest; nothing is there afterwards (hidden: %s)",
  async (hidden) => {
    const wrong = `sha256:${"0".repeat(64)}`;
    const { exitCode, stdout } = await without(hidden, () => mirror("sample-wrong", wrong));
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).error.what).toMatch(/^sample-wrong: d601 could not copy the image/);
    expect(await digestIn("unidesk/mirror/sample-wrong", wrong.replace(":", "-"))).toBe("");
  },
);

test("fails if the mirror's tag names something else, and leaves that", async () => {
  const repository = "unidesk/mirror/sample-taken";
  await mirror("sample-taken", amd64);
  const url = `http://127.0.0.1:5000/v2/${repository}/manifests`;
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const tag = index.replace(":", "-");
  await labExec(
    "d601",
    `curl -sf -H 'Accept: ${type}' ${url}/${amd64} | curl -sf -X PUT -H 'Content-Type: ${type}' --data-binary @- ${url}/${tag}`,
  );
  const { exitCode, stdout } = await mirror("sample-taken");
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout).error).toMatchObject({
    what: `127.0.0.1:5000/${repository}:${tag} is not the image that CI.json names; it is left as it is`,
    found: amd64,
    allowed: index,
  });
  expect(await digestIn(repository, tag)).toBe(amd64);
});
