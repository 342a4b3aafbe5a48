import { afterAll, beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { buildScript, pushFailed } from "../../lib/publish/build-script.ts";
import { runScript } from "../../lib/ssh/run.ts";
import { cli, restartRegistry, storage, useRegistrySite } from "../artifacts/support.ts";
import { forgetTag, home, lines, registry, until } from "../lab-support.ts";

const site = useRegistrySite();
const bareRepository = `${home}/git/unidesk.git`;
const branch = "refs/heads/test/large";
const service = "findjob";
const dockerfile = `src/components/microservices/${service}/Dockerfile`;
const repository = `${storage}/repositories/unidesk/${service}`;
/** Pushed, with a layer that takes a while. */
let large = "";

beforeAll(async () => {
  await site.publish(service, labCommits.unidesk.first);
  const script = `
    set -eu
    cd ${bareRepository}
    export GIT_INDEX_FILE=$(mktemp -u) GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@unidesk.example
    export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@unidesk.example
    git read-tree ${labCommits.unidesk.third}
    blob=$(printf 'FROM unidesk-lab/python:3.13\\nRUN head -c 120000000 /dev/urandom > /large\\n' | git hash-object -w --stdin)
    git update-index --add --cacheinfo 100644,$blob,${dockerfile}
    commit=$(git commit-tree -p ${labCommits.unidesk.third} -m 'a large layer' "$(git write-tree)")
    rm -f "$GIT_INDEX_FILE"
    git update-ref ${branch} $commit
    echo $commit`;
  large = lines(await labExec("d601", script, { user: "ubuntu" })).at(-1) ?? "";
});

afterAll(async () => {
  if (large !== "") await forgetTag(service, large);
  await labExec("d601", `git -C ${bareRepository} update-ref -d ${branch}`, { user: "ubuntu" });
  const image = `127.0.0.1:${registry.port}/unidesk/${service}:${large}`;
  await labExec("d601", `docker rmi -f ${image} >/dev/null 2>&1 || true`);
  // The large layers; nothing else of that size is in the registry.
  await labExec("d601", `find ${storage}/blobs -name data -size +100M -printf '%h\\n' | xargs -r rm -rf`);
  await restartRegistry();
});

const publish = () => cli(site, ["artifact", "publish", "--service", service, "--commit", large, "--json"]);
const tags = () => labExec("d601", `ls ${repository}/_manifests/tags`);
const uploads = async () => lines(await labExec("d601", `ls ${repository}/_uploads 2>/dev/null || true`));
/** The registry has the whole image: every part has the digest that names it. */
async function requireWhole(digest: string): Promise<void> {
  const show = await cli(site, ["artifact", "show", service, large, "--json"]);
  expect(show.exitCode, show.output).toBe(0);
  expect(JSON.parse(show.stdout)).toMatchObject({ digest, verdict: { ok: true } });
  const { layers } = JSON.parse(show.stdout) as { layers: { digest: string }[] };
  for (const layer of layers) {
    const hex = layer.digest.slice("sha256:".length);
    const sum = await labExec("d601", `sha256sum < ${storage}/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`);
    expect(sum).toMatch(new RegExp(`^${hex} `));
  }
}

test("a registry that is killed in the middle of a push is waited for, and the artifact is whole", async () => {
  const before = (await uploads()).length;
  const publishing = publish();
  await until("an upload is under way", 90_000, async () => (await uploads()).length > before);
  expect(lines(await tags()), "no tag before the push is over").not.toContain(large);
  await labExec("d601", `docker kill -s KILL ${registry.name}`);
  const { exitCode, stdout, output } = await publishing;
  expect(exitCode, output).toBe(0);
  await requireWhole((JSON.parse(stdout) as { digest: string }).digest);
});

test("a tag that a killed registry left half written is written again", async () => {
  const { stdout } = await publish();
  const { digest } = JSON.parse(stdout) as { digest: string };
  await labExec("d601", `: > ${repository}/_manifests/tags/${large}/current/link`);
  const again = await publish();
  expect(again.exitCode, again.output).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ digest });
  await requireWhole(digest);
});

test("fails if the registry does not take the push in time; nothing is under the tag, and publishing again converges", async () => {
  if (large !== "") await forgetTag(service, large);
  const url = `http://127.0.0.1:${registry.port}/v2/unidesk/${service}/manifests/${large}`;
  // The tag is looked for at the registry, the push goes to a port where nothing listens.
  const args = [`${hostPaths({ home }).locks}/publish-${service}`, bareRepository, large, dockerfile];
  const rest = [`127.0.0.1:5999/unidesk/${service}:${large}`, url, "/none", "12", "a=b"];
  const result = await runScript(site.connection("d601"), buildScript, [...args, ...rest], { timeoutSeconds: 300 });
  await labExec("d601", `docker rmi -f 127.0.0.1:5999/unidesk/${service}:${large}`);
  expect(result.exitCode, result.stderr).toBe(pushFailed);
  expect(result.stderr).toContain("the push failed; trying again");
  expect(lines(await tags())).not.toContain(large);
  expect((await publish()).exitCode).toBe(0);
});

test("fails if what is reused lacks a layer; the layer is named, and the tag stays as it is", async () => {
  const { stdout } = await publish();
  const { digest } = JSON.parse(stdout) as { digest: string };
  const layers = (JSON.parse((await cli(site, ["artifact", "show", service, large, "--json"])).stdout) as Details)
    .layers;
  const lost = layers.toSorted((one, other) => other.size - one.size)[0]?.digest ?? "";
  const hex = lost.slice("sha256:".length);
  await labExec("d601", `rm -r ${storage}/blobs/sha256/${hex.slice(0, 2)}/${hex}`);
  await restartRegistry();
  const { exitCode, stdout: refused } = await publish();
  expect(exitCode).toBe(1);
  expect(JSON.parse(refused)).toMatchObject({ error: { found: `${digest} without ${lost}` } });
  expect(await labExec("d601", `cat ${repository}/_manifests/tags/${large}/current/link`)).toContain(digest);
});

interface Details {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}
