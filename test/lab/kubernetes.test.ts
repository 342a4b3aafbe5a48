import { describe, expect, test } from "vitest";
import { clusterPrograms } from "../../lab/kubernetes.js";
import { parseProbe } from "../../lab/probe.js";
import { isCurrent, type Part } from "../../lab/provision.js";
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
