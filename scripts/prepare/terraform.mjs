import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { arch, platform, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { readIfThere, writeAtomic } from "./files.mjs";
import { goBuild } from "./go-build.mjs";
import { openTofu, pinsHash, providerHosts, providers } from "./pins.mjs";
import { Problem } from "./problem.mjs";
import { step } from "./progress.mjs";
import { isLauncher, onPath, run } from "./run.mjs";

/** @typedef {import("./pins.mjs").Provider} Provider */

const goArch = { x64: "amd64", ia32: "386" };
/** GOOS and GOARCH; known without Go, which is not needed where everything is there. */
export const target = `${platform() === "win32" ? "windows" : platform()}_${
  goArch[/** @type {keyof typeof goArch} */ (arch())] ?? arch()
}`;

/** As in the launcher: a configuration file that does not exist only makes warnings. */
function terraformEnv() {
  const env = /** @type {NodeJS.ProcessEnv} */ ({ ...process.env, CHECKPOINT_DISABLE: "1" });
  if (env.TF_CLI_CONFIG_FILE && !existsSync(env.TF_CLI_CONFIG_FILE)) delete env.TF_CLI_CONFIG_FILE;
  return env;
}

/** The first line names the product, which the JSON output does not. @param {string} binary */
async function versionOf(binary) {
  const { code, stdout } = await run(binary, ["version"], { env: terraformEnv(), timeoutSeconds: 20 });
  return code === 0 ? /^(?:Terraform|OpenTofu) v\S+/m.exec(stdout)?.[0] : undefined;
}

/** From these on a provider block may say `terraform.applying`. */
const oldest = { Terraform: 10, OpenTofu: 11 };

/** @param {string} said such as `Terraform v1.11.4` */
export const isEnough = (said) => {
  const [, product = "", major, minor] = /^(\w+) v(\d+)\.(\d+)/.exec(said) ?? [];
  const least = oldest[/** @type {keyof typeof oldest} */ (product)] ?? Number.POSITIVE_INFINITY;
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= least);
};

/**
 * The terraform or tofu to use: the first good one on PATH, else OpenTofu built into the cache.
 * @param {string} cacheDir
 * @param {boolean} checkOnly
 * @returns {Promise<{ binary: string, version: string }>}
 */
export async function prepareBinary(cacheDir, checkOnly) {
  const built = join(cacheDir, `opentofu-${openTofu.pin.slice(1)}`, "tofu");
  const tooOld = [];
  for (const binary of [...onPath("terraform", "tofu"), ...(existsSync(built) ? [built] : [])]) {
    if (isLauncher(realpathSync(binary))) continue;
    const said = await versionOf(binary);
    if (said && isEnough(said)) return { binary, version: said.replace(/^.* v/, "") };
    tooOld.push(said ? `${said} (${binary})` : `${binary} (tells no version)`);
  }
  const found = tooOld.length > 0 ? `found only ${tooOld.join(", ")}` : "none is on PATH";
  if (checkOnly || onPath("go").length === 0)
    throw new Problem(
      `Terraform >= 1.10 or OpenTofu >= 1.11 is needed and ${found}`,
      "install Terraform >= 1.10 or OpenTofu >= 1.11; or install Go >= 1.26.6 and run this again: OpenTofu is built then",
    );
  await goBuild({
    ...openTofu,
    ldflags: `-X ${openTofu.module}/version.dev=no`,
    target: built,
    cacheDir,
  });
  return { binary: built, version: openTofu.pin.slice(1) };
}

/** @param {string} mirror @param {Provider} provider @param {string} [host] */
const providerDir = (mirror, provider, host = providerHosts[0] ?? "") =>
  join(mirror, host, provider.namespace, provider.type);

/** A plugin in the mirror, built here or put there by hand. @param {string} mirror @param {Provider} provider */
function isInMirror(mirror, provider) {
  const dir = providerDir(mirror, provider);
  const versions = existsSync(dir) ? readdirSync(dir) : [];
  return versions.some((entry) => entry.endsWith(`_${target}.zip`) || existsSync(join(dir, entry, target)));
}

/** Hard links under the other host names. @param {string} mirror @param {Provider} provider */
function linkForOtherHosts(mirror, provider) {
  const from = providerDir(mirror, provider);
  for (const host of providerHosts.slice(1)) {
    for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const link = join(providerDir(mirror, provider, host), relative(from, file));
      if (existsSync(link)) continue;
      mkdirSync(dirname(link), { recursive: true });
      linkSync(file, link);
    }
  }
}

/**
 * Whether the provider registry (or a mirror that the user has configured) gives the null provider.
 * @param {string} binary
 */
async function askRegistry(binary) {
  const folder = mkdtempSync(join(tmpdir(), "unidesk-registry-"));
  try {
    const config = { terraform: { required_providers: { null: { source: "hashicorp/null" } } } };
    writeFileSync(join(folder, "main.tf.json"), JSON.stringify(config));
    const { code } = await step("ask the provider registry", () =>
      run(binary, ["init", "-input=false", "-no-color"], { cwd: folder, env: terraformEnv(), timeoutSeconds: 10 }),
    );
    return code === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const answerHours = 12;

/** @param {string} cacheDir @param {string} binary @param {boolean} checkOnly */
async function registryAnswers(cacheDir, binary, checkOnly) {
  const file = join(cacheDir, "registry-answers.json");
  const cached = JSON.parse(readIfThere(file) ?? "{}");
  // Only a yes is believed: after a no there may be nothing to fall back on.
  if (cached.binary === binary && Date.now() - cached.at < answerHours * 3_600_000) return true;
  const answer = await askRegistry(binary);
  if (answer && !checkOnly) writeAtomic(file, JSON.stringify({ binary, at: Date.now() }));
  return answer;
}

/** @param {string} mirror @param {Provider} provider @param {string} cacheDir */
async function buildProvider(mirror, provider, cacheDir) {
  const { type, version, module, pin, unused = [] } = provider;
  const file = join(providerDir(mirror, provider), version, target, `terraform-provider-${type}_v${version}`);
  await goBuild({ module, pin, unused, target: file, cacheDir });
}

/** @param {string} mirror @param {readonly Provider[]} present */
function cliConfig(mirror, present) {
  const names = present.map(({ namespace, type }) => JSON.stringify(`${namespace}/${type}`)).join(", ");
  return `provider_installation {
  filesystem_mirror {
    path    = ${JSON.stringify(mirror)}
    include = [${names}]
  }
  direct {
    exclude = [${names}]
  }
}
`;
}

/**
 * Makes the plugins available where the provider registry does not, and writes what the launcher reads.
 * @param {string} cacheDir
 * @param {string} binary
 * @param {boolean} checkOnly
 */
export async function preparePlugins(cacheDir, binary, checkOnly) {
  const mirror = join(cacheDir, `terraform-plugins-${pinsHash}`);
  const config = join(cacheDir, "terraform.rc");
  const absent = providers.filter((provider) => !isInMirror(mirror, provider));
  const fromRegistry = absent.length > 0 && (await registryAnswers(cacheDir, binary, checkOnly));
  for (const provider of fromRegistry ? [] : absent) {
    if (checkOnly) {
      const name = `${provider.namespace}/${provider.type}`;
      throw new Problem(`the Terraform plugin ${name} is not built`, "node scripts/prepare.mjs");
    }
    await buildProvider(mirror, provider, cacheDir);
  }
  if (checkOnly) return;
  const present = fromRegistry ? [] : providers.filter((provider) => isInMirror(mirror, provider));
  const lines = [`BINARY=${binary}`];
  if (present.length > 0) {
    for (const provider of present) linkForOtherHosts(mirror, provider);
    writeAtomic(config, cliConfig(mirror, present));
    lines.push(`CONFIG=${config}`, `MIRROR=${mirror}`);
  }
  writeAtomic(join(cacheDir, "terraform.env"), `${lines.join("\n")}\n`);
}
