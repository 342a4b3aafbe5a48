import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import config from "../.dependency-cruiser.mjs";
import { checkout } from "./checkout.ts";
import { tempFolder, write } from "./support.ts";

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** A checkout with this project's rules and nothing but these files. */
function checkoutOf(files: Readonly<Record<string, string>>): string {
  const root = tempFolder();
  for (const name of [".dependency-cruiser.mjs", "tsconfig.json", "package.json", "biome.json"]) {
    copyFileSync(join(checkout, name), join(root, name));
  }
  symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"));
  for (const [name, text] of Object.entries(files)) write(root, name, text);
  return root;
}

function cruise(files: Readonly<Record<string, string>>): Violation[] {
  const root = checkoutOf(files);
  const depcruise = join(checkout, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [depcruise, ".", "--output-type", "json"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout).summary.violations;
}

const value = 'export const value = "x";\n';
/** One forbidden import a rule: the file, what it imports, and how the report names that. */
const bad: [rule: string, file: string, target: string, reported: string][] = [
  ["lib-knows-no-cdktf", "lib/a.ts", "cdktf", "node_modules/cdktf/"],
  [
    "lib-knows-no-cdktf",
    "lib/b.ts",
    "@cdktf/provider-null/lib/resource/index.js",
    "node_modules/@cdktf/provider-null/",
  ],
  ["lib-knows-no-cdktf", "lib/c.ts", "constructs", "node_modules/constructs/"],
  ["lib-imports-nothing-above", "lib/d.ts", "../constructs/ok.ts", "constructs/ok.ts"],
  ["lib-imports-nothing-above", "lib/e.ts", "../main.ts", "main.ts"],
  ["constructs-import-nothing-above", "constructs/a.ts", "../stacks/ok.ts", "stacks/ok.ts"],
  ["stacks-import-nothing-above", "stacks/a.ts", "../main.ts", "main.ts"],
  ["product-knows-no-lab", "bin/a.ts", "../lab/ok.ts", "lab/ok.ts"],
  ["product-knows-no-lab", "stacks/b.ts", "../test/ok.ts", "test/ok.ts"],
  ["verdicts-use-no-core-module", "lib/verdicts/a.ts", "node:child_process", "child_process"],
  ["verdicts-use-no-core-module", "lib/verdicts/b.ts", "node:fs", "fs"],
  ["verdicts-use-no-core-module", "lib/verdicts/c.ts", "node:fs/promises", "fs/promises"],
  ["verdicts-use-no-core-module", "lib/verdicts/d.ts", "node:https", "https"],
  ["verdicts-are-pure", "lib/verdicts/e.ts", "execa", "node_modules/execa/"],
  ["verdicts-are-pure", "lib/verdicts/f.ts", "../ssh/ok.ts", "lib/ssh/ok.ts"],
  ["verdicts-are-pure", "lib/verdicts/g.ts", "../observe/looks.ts", "lib/observe/looks.ts"],
  ["constructs-read-no-files", "constructs/b.ts", "node:fs", "fs"],
  ["policies-see-the-report-alone", "policies/a.ts", "node:fs", "fs"],
  ["policies-see-the-report-alone", "policies/b.ts", "../lib/ssh/ok.ts", "lib/ssh/ok.ts"],
  ["policies-see-the-report-alone", "policies/c.ts", "execa", "node_modules/execa/"],
  ["policies-import-types-alone", "policies/d.ts", "../lib/catalog/ok.ts", "lib/catalog/ok.ts"],
  ["no-unresolved", "lib/f.ts", "./no-such-file.ts", "./no-such-file.ts"],
  ["no-dev-dependency-in-product", "lib/g.ts", "vitest", "node_modules/vitest/"],
  ["no-cycles", "lib/h.ts", "./i.ts", "lib/i.ts"],
];

let violations: Violation[];
beforeAll(() => {
  const files: Record<string, string> = {
    "lib/ssh/ok.ts": value,
    "lib/catalog/ok.ts": value,
    "lib/observe/looks.ts": `export * from "../ssh/ok.ts";\n`,
    "lib/i.ts": `export * from "./h.ts";\n`,
  };
  for (const folder of ["constructs", "stacks", "lab", "test"]) files[`${folder}/ok.ts`] = value;
  files["main.ts"] = value;
  for (const [, file, target] of bad) files[file] = `export * from "${target}";\n`;
  violations = cruise(files);
}, 60_000);

describe("fails", () => {
  test.each(bad)("%s if %s imports %s", (rule, file, _, reported) => {
    const found = violations.filter(({ from, rule: { name } }) => from === file && name === rule);
    expect(found.map(({ to }) => to)).toContainEqual(expect.stringContaining(reported));
  });

  test("for every rule that there is", () => {
    expect([...new Set(bad.map(([rule]) => rule))].sort()).toEqual(config.forbidden?.map(({ name }) => name).sort());
    expect(config.forbidden?.every(({ severity }) => severity === "error")).toBe(true);
  });

  test.each(["constructs", "stacks"])("if %s read process.env", (folder) => {
    const root = checkoutOf({ [`${folder}/a.ts`]: "export const home = process.env.HOME;\n" });
    const biome = join(checkout, "node_modules/@biomejs/biome/bin/biome");
    const args = [biome, "lint", "--vcs-enabled=false", "--reporter=github", folder];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    expect(stdout).toContain("lint/style/noProcessEnv");
    expect(status).toBe(1);
  });
});

test("what is allowed is not reported", () => {
  const allowed = {
    "main.ts": `export * from "./stacks/ok.ts";\n`,
    "stacks/ok.ts": `export * from "../constructs/ok.ts";\n`,
    "constructs/ok.ts": `import "cdktf";\nexport * from "../lib/ok.ts";\n`,
    "lib/ok.ts": `export * from "./verdicts/ok.ts";\nimport "node:fs";\nimport "execa";\n`,
    "lib/verdicts/ok.ts": `import type { value } from "../ssh/ok.ts";\nimport "zod";\nexport type X = typeof value;\n`,
    "lib/ssh/ok.ts": value,
    "lib/review/policy.ts": value,
    "policies/ok.ts": `import type { value } from "../lib/review/policy.ts";\nexport type X = typeof value;\n`,
    "lab/ok.ts": `export * from "../lib/ok.ts";\n`,
  };
  expect(cruise(allowed)).toEqual([]);
}, 60_000);

test("the script that CI runs covers every folder of the product", () => {
  const { scripts } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));
  expect(scripts.layers).toBe("depcruise main.ts app.ts bin lib constructs stacks policies lab bench");
  expect(scripts.check).toContain("npm run layers");
});
