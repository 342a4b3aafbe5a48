import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCiFile } from "../../lib/config/ci-file.ts";
import { DeployFile, resolvePins } from "../../lib/config/deploy-file.ts";
import { parseJson } from "../../lib/config/json-file.ts";
import { Commit, Digest, type Environment } from "../../lib/config/values.ts";
import { editPins } from "../../lib/pins/edit.ts";
import { checkout } from "../checkout.ts";
import { commitA, digestA, digestB } from "../support.ts";

const read = (name: string) => readFileSync(join(checkout, name), "utf8");

interface Manager {
  readonly customType: string;
  readonly managerFilePatterns: readonly string[];
  readonly matchStringsStrategy: string;
  readonly matchStrings: readonly string[];
  readonly depTypeTemplate: string;
  readonly datasourceTemplate: string;
  readonly packageNameTemplate: string;
  readonly currentValueTemplate: string;
  readonly autoReplaceStringTemplate: string;
}
const renovate = JSON.parse(read("automation/renovate.json")) as { customManagers: Manager[] } & Record<
  string,
  unknown
>;
const deployText = read("deploy.json");
const pins = resolvePins(parseJson(deployText, "deploy.json", DeployFile));
const ci = readCiFile(join(checkout, "CI.json"));

interface Dependency {
  readonly depName: string;
  readonly currentDigest: string;
  readonly packageName: string;
  readonly replaceString: string;
}

/** What Renovate's regex manager does with the strategy `recursive`: each expression searches in the matches of the last. */
function extract({ matchStrings, packageNameTemplate }: Manager, text: string): Dependency[] {
  let found: { text: string; groups: Record<string, string | undefined> }[] = [{ text, groups: {} }];
  for (const expression of matchStrings) {
    found = found.flatMap((one) =>
      [...one.text.matchAll(new RegExp(expression, "g"))].map((match) => ({
        text: match[0],
        groups: { ...one.groups, ...match.groups },
      })),
    );
  }
  return found.map(({ text: replaceString, groups }) => ({
    depName: groups.depName ?? "",
    currentDigest: groups.currentDigest ?? "",
    packageName: compile(packageNameTemplate, groups),
    replaceString,
  }));
}

/**
 * What Renovate writes for one dependency: the template's text at the first place of its match where the dependency of
 * the same number then has the new commit.
 */
function move(manager: Manager, text: string, index: number, newDigest: string): string {
  const { replaceString = "" } = extract(manager, text)[index] ?? {};
  const replacement = manager.autoReplaceStringTemplate.replaceAll("{{{newDigest}}}", newDigest);
  for (let at = text.indexOf(replaceString); at >= 0; at = text.indexOf(replaceString, at + 1)) {
    const moved = text.slice(0, at) + replacement + text.slice(at + replaceString.length);
    if (extract(manager, moved)[index]?.currentDigest === newDigest) return moved;
  }
  throw new Error(`Renovate finds no place for ${newDigest}`);
}

/** The part of Handlebars that the file uses: one `if` with an `else`. */
function compile(template: string, groups: Record<string, string | undefined>): string {
  const compiled = template.replace(/\{\{#if (\w+)\}\}(.*?)\{\{else\}\}(.*?)\{\{\/if\}\}/, (_, name, yes, no) =>
    groups[name] ? yes : no,
  );
  if (compiled.includes("{{")) throw new Error(`more than this test knows of Handlebars: ${compiled}`);
  return compiled;
}

describe.each(renovate.customManagers.map((manager) => [manager.depTypeTemplate, manager] as const))(
  "%s",
  (environment, manager) => {
    const here = pins.filter((pin) => pin.environment === environment);

    test("every pin of the environment is found, with the repository that CI.json builds it from", () => {
      expect(
        extract(manager, deployText).map(({ depName, currentDigest, packageName }) => [
          depName,
          currentDigest,
          packageName,
        ]),
      ).toEqual(
        here.map(({ service, commit }) => [
          service,
          commit,
          ci.artifacts.find(({ serviceId }) => serviceId === service)?.sourceRepo,
        ]),
      );
      expect(here.length).toBeGreaterThan(0);
    });

    test("a moved pin still parses, and nothing else moved", () => {
      for (const [index, { depName }] of extract(manager, deployText).entries()) {
        const text = move(manager, deployText, index, commitA);
        const after = resolvePins(parseJson(text, "deploy.json", DeployFile));
        expect(after).toEqual(
          pins.map((pin) =>
            pin.service === depName && pin.environment === environment ? { ...pin, commit: commitA } : pin,
          ),
        );
        expect(text.split("\n").filter((line, index) => line !== deployText.split("\n")[index])).toHaveLength(1);
      }
    });

    describe.each<[string, (text: string) => string]>([
      ["indented by two", (text) => text],
      ["indented by tabs", (text) => text.replaceAll("  ", "\t")],
      ["with Windows line ends", (text) => text.replaceAll("\n", "\r\n")],
      ["with white space around colons and commas", (text) => text.replaceAll(":", " : ").replaceAll(",", " ,")],
      [
        "a pin a line",
        (text) => text.replaceAll(/\{\n +("commit[^}]*?)\n +\}/g, "{ $1 }").replaceAll(/"\n +"/g, '" "'),
      ],
      ["without white space", (text) => JSON.stringify(JSON.parse(text))],
    ])("a file %s", (_, layOut) => {
      const older = Commit.parse("b2".repeat(20));
      const other = environment === "prod" ? "dev" : "prod";
      const services = { frontend: { commit: older }, mdtodo: { commit: older } };
      const file = { version: 1, environments: { [other]: services, [environment]: services } };
      const plain = layOut(JSON.stringify(file, null, 2));
      const pinned = ["frontend", "mdtodo"].reduce(
        (text, service) =>
          editPins(text, [
            {
              environment: environment as Environment,
              service,
              entry: { commit: older, digest: Digest.parse(digestA) },
            },
          ]),
        plain,
      );

      test("what pin set wrote there moves without its digest, and pin set adds the new one", () => {
        expect(extract(manager, pinned).map(({ depName }) => depName)).toEqual(["frontend", "mdtodo"]);
        const moved = move(manager, pinned, 1, commitA);
        const expected = (pin: object) => ({
          ...file,
          environments: {
            [other]: services,
            [environment]: { frontend: { commit: older, digest: digestA }, mdtodo: pin },
          },
        });
        expect(parseJson(moved, "deploy.json", DeployFile)).toEqual(expected({ commit: commitA }));
        const entry = { commit: Commit.parse(commitA), digest: Digest.parse(digestB) };
        const change = { environment: environment as Environment, service: "mdtodo", entry };
        const again = editPins(moved, [change]);
        expect(parseJson(again, "deploy.json", DeployFile)).toEqual(expected(entry));
        expect(move(manager, again, 1, older).length).toBe(moved.length);
      });
    });

    test("fails to match a pin whose digest would stay, or that says why it goes back", () => {
      const commit = "b2".repeat(20);
      const deploy = (pin: object) =>
        JSON.stringify({ version: 1, environments: { [environment]: { frontend: pin, mdtodo: { commit } } } }, null, 2);
      for (const pin of [
        { digest: digestA, commit },
        { commit, digest: digestA, rollback: "c3".repeat(20) },
        { commit, rollback: "it lost orders" },
      ]) {
        expect(extract(manager, deploy(pin)).map(({ depName }) => depName)).toEqual(["mdtodo"]);
      }
      expect(extract(manager, deploy({ commit })).map(({ depName }) => depName)).toEqual(["frontend", "mdtodo"]);
    });

    test.each(["}", "{", "{}}", 'a \\" and a }', "a \\\\"])(
      "fails if %j in a rollback's reason hides the other pins",
      (reason) => {
        const commit = "b2".repeat(20);
        const pins = { frontend: { commit, rollback: reason }, mdtodo: { commit } };
        const other = environment === "prod" ? "dev" : "prod";
        const text = JSON.stringify({ version: 1, environments: { [other]: pins, [environment]: pins } }, null, 2);
        expect(extract(manager, text).map(({ depName }) => depName)).toEqual(["mdtodo"]);
        expect(move(manager, text, 0, commitA).split(commitA)).toHaveLength(2);
      },
    );

    test("a service whose name begins like todo-note is not todo-note", () => {
      const text = JSON.stringify({ environments: { [environment]: { "todo-note-2": { commit: commitA } } } });
      expect(extract(manager, text).map(({ packageName }) => packageName)).toEqual([
        "https://github.com/pikasTech/unidesk",
      ]);
    });

    test("is a regex manager of deploy.json that follows a branch by its commits", () => {
      expect(manager).toMatchObject({
        customType: "regex",
        matchStringsStrategy: "recursive",
        datasourceTemplate: "git-refs",
        currentValueTemplate: "master",
      });
      const [pattern = ""] = manager.managerFilePatterns;
      const file = new RegExp(pattern.slice(1, -1));
      expect([file.test("deploy.json"), file.test("docs/deploy.json"), file.test("deploy.json5")]).toEqual([
        true,
        false,
        false,
      ]);
    });

    test("its expressions are RE2's too: no look-around, no back-reference", () => {
      for (const expression of manager.matchStrings) expect(expression).not.toMatch(/\(\?(=|!|<=|<!)|\\[1-9]|\\k</);
    });
  },
);

test("nothing is merged or opened without a person, and the pull request links the commits", () => {
  expect(renovate).toMatchObject({
    enabledManagers: ["custom.regex"],
    dependencyDashboardApproval: true,
    automerge: false,
    packageRules: [
      {
        prBodyNotes: expect.arrayContaining([
          expect.stringContaining("/compare/{{{currentDigest}}}...{{{newDigest}}}"),
        ]),
      },
    ],
  });
  expect(renovate.customManagers.map(({ depTypeTemplate }) => depTypeTemplate)).toEqual(["prod", "dev"]);
});
