import { describe, expect, test } from "vitest";
import { renderMarkdown } from "../../lib/review/render/markdown.ts";
import { exampleReport } from "./example.ts";
import { logged, reportOf, serviceOf, stillOf } from "./support.ts";

const log = (count: number) =>
  Array.from({ length: count }, (_, index) => logged("b", `commit ${index}`, ["a/b.ts", "c/d.ts"]));

describe("an ordinary comment", () => {
  const text = renderMarkdown(exampleReport());

  test("says first what cannot be undone or is not allowed", () => {
    const order = [
      "Deletes or replaces",
      "Denied by a policy",
      "cannot be planned",
      "| service |",
      "<details>",
      "Not touched",
    ];
    expect(order.map((part) => text.indexOf(part)).every((at, index, all) => at > (all[index - 1] ?? 0))).toBe(true);
  });
  test("is whole", () => {
    expect(text).not.toContain("Shortened");
    expect(text).toContain("</code> ↓1 | 91 kB | 0 s | 4.4 s |");
    expect(text).toContain("`npx unidesk pin rollback code-queue --env prod`");
  });
  test("has the sign of what goes away at that alone: an image is replaced and stays", () => {
    const changes = ["docker_image.findjob-image", "null_resource.registry"].map((address) => ({
      ...{ address, action: "replace" as const, meaning: "m", fields: [] },
    }));
    const lines = renderMarkdown(reportOf({ services: [serviceOf({ service: "findjob", changes })] })).split("\n");
    expect(lines.filter((line) => line.includes("replace"))).toEqual([
      "  - replace: m (docker&#95;image.findjob-image)",
      "  - ⛔ **replace**: m (null&#95;resource.registry)",
    ]);
  });
  test("says unknown, never 0, of what is not known", () => {
    expect(text).toMatch(/dev\/todo-note\*\* .* unknown \| none \| unknown \|/);
  });
});

describe("a comment that is too long", () => {
  const many = (count: number, commits: number) =>
    reportOf({
      services: Array.from({ length: count }, (_, index) =>
        serviceOf({ service: `service-${index}`, commits: { log: log(commits) } }),
      ),
    });

  test("loses commits before services, and says so", () => {
    const text = renderMarkdown(many(45, 40));
    expect(text).toContain("Shortened to fit one comment: at most");
    expect(text).toContain("more commits");
    expect(text.match(/<details>/g)?.length).toBe(45);
    expect(Buffer.byteLength(text)).toBeLessThan(60_000);
  });
  test("loses details before the table", () => {
    const text = renderMarkdown(many(200, 1));
    expect(text).toContain("the services' details are left out");
    expect(text.match(/^\| .* \| ▲ deploy \|/gm)?.length).toBe(200);
  });
  test("still says how many services change where there are thousands", () => {
    const text = renderMarkdown(reportOf({ services: [...many(3000, 1).services, stillOf("frontend")] }));
    expect(text).toContain("3000 services change on 1 host");
    expect(text).toMatch(/… and \d+ more services/);
    expect(Buffer.byteLength(text)).toBeLessThan(60_000);
  });
});
