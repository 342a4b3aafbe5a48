import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { clusterPrograms } from "../../lab/kubernetes.js";
import { parseProbe } from "../../lab/probe.js";
import { isCurrent, type Part } from "../../lab/provision.js";
import { labRoot } from "../../lab/settings.js";
import { tempFolder, write } from "../support.ts";

describe("clusterPrograms", () => {
  test("is a k3s binary where the user names one, in the version that it is", async () => {
    const folder = tempFolder();
    const k3s = write(folder, "k3s", "one");
    const first = await clusterPrograms(k3s);
    expect(first).toMatchObject({ part: "k3s", files: { k3s } });
    write(folder, "k3s", "another");
    expect(await clusterPrograms(k3s)).not.toEqual(first);
  });

  test("is nothing where the user wants none", async () => {
    expect(await clusterPrograms("none")).toEqual({ missing: "LAB_K3S is none" });
  });

  test("fails if LAB_K3S is no file", async () => {
    await expect(clusterPrograms("/no/such/k3s")).rejects.toThrow(
      'LAB_K3S is "/no/such/k3s", which is no file. Allowed: path of a k3s binary; "none" for no cluster; unset it for ' +
        "the one that the lab builds.",
    );
  });
});

const provision = join(labRoot, "provision");
const provisioned = readdirSync(provision, { recursive: true, encoding: "utf8" });

test.each(provisioned.filter((path) => path.endsWith(".sh")))("sh can read %s", (path) => {
  expect(spawnSync("sh", ["-n", join(provision, path)], { encoding: "utf8" }).stderr).toBe("");
});

test.each(provisioned.filter((path) => path.endsWith(".yaml")))("%s is YAML", (path) => {
  expect(parse(readFileSync(join(provision, path), "utf8"))).toEqual(expect.any(Object));
});

test("every program that a unit starts by name is one that the binary has", () => {
  const source = readFileSync(join(labRoot, "kubernetes", "main.go"), "utf8");
  const units = provisioned.filter((path) => /kubernetes\/k3s-.*\.service$/.test(path));
  const started = units.flatMap(
    (path) => readFileSync(join(provision, path), "utf8").match(/(?<=bin\/k3s )\S+/g) ?? [],
  );
  expect(started).toHaveLength(5);
  for (const name of started) expect(source).toMatch(new RegExp(`"${name}": +(func|\\w)`));
});

describe("a part with a check of its own", () => {
  const part: Part = {
    ...{ name: "cluster", version: "abc", paths: [], images: [] },
    install: async () => {},
  };
  const there = parseProbe("stamp.cluster=abc\n");

  test("is current where that holds", async () => {
    expect(await isCurrent({ ...part, works: async () => true }, there)).toBe(true);
  });

  test("fails if it does not work", async () => {
    expect(await isCurrent({ ...part, works: async () => false }, there)).toBe(false);
  });

  test("is not asked where it is not even there", async () => {
    const works = () => Promise.reject(new Error("asked"));
    expect(await isCurrent({ ...part, works }, parseProbe(""))).toBe(false);
  });
});
