import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import {
  checkout,
  devStack,
  fileOn,
  home,
  mainServerStack,
  registryStack,
  useLabSite,
  writeOn,
} from "../lab-support.ts";
import { storedFolder } from "../left-reviews.ts";
import { contentOf, filesWith, formsIn, formsOf, placesOn } from "./search.ts";

const site = useLabSite();
const { first } = labCommits.unidesk;
const hosts = ["main-server", "d601"] as const;
const names = [mainServerStack, devStack];
const pin = { commit: first, rollback: "a test" };
const options = { pins: { "baidu-netdisk": pin }, devPins: { frontend: pin }, state: "canary" };
const envFile = `${home}/unidesk/.state/compose.env`;
const configJson = `${home}/unidesk/config.json`;

const value = () => `canary-${randomBytes(18).toString("hex")}`;
const canaries = {
  clientSecret: value(),
  tokenKey: value(),
  foreign: value(),
  sessionSecret: value(),
  passwordHash: value(),
};
/** Put where nothing secret belongs, so that every search is seen to find something. */
const planted = value();
let forms: string[] = [];
let since = "";
let before: { readonly env: string; readonly config: string } | undefined;

beforeAll(async () => {
  await site.deploy(registryStack, { state: "restore" });
  await site.publishMissing([
    { service: "baidu-netdisk", commit: first },
    { service: "frontend", commit: first },
  ]);
  const [env, config] = await Promise.all([fileOn("main-server", envFile), fileOn("main-server", configJson)]);
  before = { env: env.bytes, config: config.bytes };
  const kubeconfig = await labExec("d601", "cat /etc/rancher/k3s/k3s.yaml");
  const key = /client-key-data: *(\S+)/.exec(kubeconfig)?.[1] ?? "";
  const pem = Buffer.from(key, "base64").toString().split("\n")[1] ?? "";
  expect([key.length, pem.length].every((length) => length > 40)).toBe(true);
  forms = [...Object.values(canaries).flatMap(formsOf), key, pem];

  const set = (text: string, name: string, secret: string) => {
    const changed = text.replace(new RegExp(`^(${name}=).*$`, "m"), `$1${secret}`);
    expect(changed).toContain(secret);
    return changed;
  };
  const withSecret = set(before.env, "UNIDESK_BAIDU_NETDISK_CLIENT_SECRET", canaries.clientSecret);
  const all = `${set(withSecret, "UNIDESK_BAIDU_NETDISK_TOKEN_KEY", canaries.tokenKey)}\nLAB_FOREIGN_PASSWORD=${canaries.foreign}\n`;
  await writeOn("main-server", envFile, all);
  const parsed = JSON.parse(before.config) as { auth: object };
  const { sessionSecret, passwordHash } = canaries;
  const auth = { ...parsed.auth, sessionSecret, passwordHash: `sha256:${passwordHash}` };
  await writeOn("main-server", configJson, JSON.stringify({ ...parsed, auth }));
  since = (await labExec("main-server", "date +%s")).trim();
}, 400_000);

afterAll(async () => {
  if (before) {
    await writeOn("main-server", envFile, before.env);
    await writeOn("main-server", configJson, before.config);
  }
});

/** Argument lists of every process that there was while `use` ran, on both hosts and on the runner. */
async function argumentsDuring(use: () => Promise<void>): Promise<Record<string, string>> {
  const stop = "/tmp/unidesk-canary-stop";
  const found = "/tmp/unidesk-canary-arguments";
  const sample = `while [ ! -e ${stop} ]; do ps -eo args; sleep 0.1; done | awk '!seen[$0]++' > ${found}; touch ${found}.done`;
  for (const host of hosts) {
    const script = 'rm -f "$1"*; rm -f "$2"; setsid timeout 400 bash -c "$3" >/dev/null 2>&1 </dev/null &';
    await labExec(host, ["bash", "-c", script, "sample", found, stop, sample]);
  }
  const runner = new Set<string>();
  let running = true;
  const sampled = (async () => {
    while (running) {
      for (const line of (await execa("ps", ["-eo", "args"])).stdout.split("\n")) runner.add(line);
      await sleep(100);
    }
  })();
  // A process that is named like a secret, so that the samples are seen to be taken.
  const named = `bash -c 'exec -a ${planted} sleep 4'`;
  const decoys = Promise.all([
    ...hosts.map((host) => labExec(host, named)),
    execa("bash", ["-c", `exec -a ${planted} sleep 4`]),
  ]);
  try {
    await use();
    await decoys;
  } finally {
    running = false;
    await Promise.all([sampled, ...hosts.map((host) => labExec(host, `touch ${stop}`))]);
  }
  const collect = `until [ -e ${found}.done ]; do sleep 0.1; done; cat ${found}; rm -f ${found}* ${stop}`;
  const texts = await Promise.all(hosts.map((host) => labExec(host, collect)));
  const all = [...hosts.map((host, index) => [host, texts[index] ?? ""]), ["runner", [...runner].join("\n")]];
  return Object.fromEntries(all) as Record<string, string>;
}

test("no secret is in any output, plan, state, record, log or argument list", { timeout: 500_000 }, async () => {
  const page = join(site.folder, "review.html");
  let plans: string[] = [];
  let fingerprint = "";
  const processes = await argumentsDuring(async () => {
    const review = await site.unidesk(["review", ...names, "--json", "--html", page], options);
    fingerprint = JSON.parse(review.stdout).fingerprint;
    const folder = join(storedFolder(fingerprint), "plans");
    plans = readdirSync(folder).map((name) => join(folder, name));
    const apply = await site.unidesk(["apply", "--reviewed", fingerprint, "--json"], options);
    expect(apply.exitCode, apply.output).toBe(0);
  });
  const commands = [
    ["review", ...names],
    ["review", ...names, "--markdown"],
    ["history", "--json"],
    ["pin", "show"],
    ["deploy", "plan"],
    ["deploy", "plan", "--json"],
    ["doctor", "--json"],
    ["registry", "status", "--json"],
    ["artifact", "list", "--json"],
  ];
  for (const args of commands) await site.unidesk(args, options);

  // The secrets were in play: in the container, and in the cluster.
  const env = await labExec("main-server", "docker inspect -f '{{json .Config.Env}}' baidu-netdisk-backend");
  expect(env).toContain(canaries.clientSecret);
  const secret = await labExec("d601", "k3s kubectl -n unidesk-dev get secret frontend-dev-auth -o jsonpath='{.data}'");
  expect(secret).toContain(Buffer.from(canaries.sessionSecret).toString("base64"));

  expect(formsIn(site.printed.join("\n"), forms)).toEqual([]);
  expect(formsIn(readFileSync(page, "utf8"), forms)).toEqual([]);
  expect(plans).toHaveLength(2);
  for (const plan of plans) {
    expect(contentOf(plan), "the plan's configuration is read").toContain(first);
    expect(formsIn(contentOf(plan), forms)).toEqual([]);
  }
  for (const folder of [site.stateFolder("canary"), join(checkout, ".unidesk"), site.folder]) {
    expect(existsSync(folder)).toBe(true);
    expect(filesWith(folder, forms)).toEqual([]);
  }
  for (const host of hosts) expect(await placesOn(host, forms, since)).toEqual([]);
  for (const [where, text] of Object.entries(processes)) {
    expect(formsIn(text, forms), where).toEqual([]);
    expect(formsIn(text, [planted]), `a process of ${where}`).toEqual([planted]);
  }
});

const formNames = ["as it is", "base64", "SHA-256", "base64 of the line", "SHA-256 of the line"];
test.each(formNames)("every search finds what was put there %s", async (name) => {
  const form = formsOf(planted)[formNames.indexOf(name)] ?? "";
  const file = join(site.folder, "planted");
  const path = `${home}/.unidesk/deploy-history/canary-test`;
  writeFileSync(file, `text ${form} text`);
  try {
    expect(filesWith(site.folder, formsOf(planted))).toEqual([file]);
    for (const host of hosts) {
      await labExec(host, ["bash", "-ceu", 'cat > "$1"; cat "$1" | logger', "plant", path], { input: `x${form}x\n` });
      expect(await placesOn(host, [form], since)).toEqual(expect.arrayContaining([path, "journal"]));
    }
  } finally {
    rmSync(file);
    for (const host of hosts) await labExec(host, ["rm", "-f", path]);
  }
});
