import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderHtml } from "../../lib/review/render/html.ts";
import type { ReviewReport } from "../../lib/review/report.ts";
import { onPath } from "../../scripts/prepare/run.mjs";
import { browserPrograms } from "../../tools/browser.mjs";
import { tempFolder } from "../support.ts";
import { exampleReport } from "./example.ts";
import { logged, reportOf, serviceOf, stillOf } from "./support.ts";

const phone = { width: 360, height: 740 };
const desk = { width: 1280, height: 800 };

let browser: Browser;
beforeAll(async () => {
  const [executablePath] = onPath(...browserPrograms);
  if (!executablePath) throw new Error("no Chromium on PATH; remedy: node scripts/prepare.mjs --browser");
  // Root cannot have Chromium's sandbox; the page is this test's own.
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
});
afterAll(() => browser?.close());

interface Seen {
  readonly page: Page;
  /** Console messages, page errors, dialogs and requests besides the file itself. */
  readonly noise: string[];
}

async function open(report: ReviewReport, viewport = desk, colorScheme: "light" | "dark" = "light"): Promise<Seen> {
  const file = join(tempFolder(), "review.html");
  writeFileSync(file, renderHtml(report));
  const page = await browser.newPage({ viewport, colorScheme });
  const noise: string[] = [];
  const url = pathToFileURL(file).href;
  page.on("console", (message) => noise.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => noise.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    noise.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => request.url() !== url && noise.push(`request: ${request.url()}`));
  await page.goto(url);
  for (const details of await page.locator("details").all())
    await details.evaluate((node) => node.setAttribute("open", ""));
  return { page, noise };
}

/** Texts, as they are painted, whose contrast with what lies behind them is below 4.5. Runs in the browser. */
const faint = `(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const svgGround = (node) => {
    const group = node.closest("g");
    const name = node.classList.contains("sign") ? ".disc" : ".tile";
    const shape = group ? group.querySelector(name) : node.ownerSVGElement.querySelector(node.classList.contains("host-name") ? ".host" : ".group");
    return rgb(getComputedStyle(shape).fill);
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data).join("").trim();
    if (!text || !node.checkVisibility() || ["title", "desc"].includes(node.tagName)) continue;
    const svg = node.tagName === "text";
    const [front, back] = [rgb(svg ? getComputedStyle(node).fill : getComputedStyle(node).color), svg ? svgGround(node) : behind(node)];
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(text + " " + front + " on " + back);
  }
  return found;
})()`;

const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
const ground = "getComputedStyle(document.body).backgroundColor";

const hostile = "<script>alert('x')</script><img src=https://evil.example/p.png onerror=alert(1)>";
const reports: Record<string, ReviewReport> = {
  "an ordinary review": exampleReport(),
  "an offline review": exampleReport({ offline: "hosts were not looked at" }),
  "long and hostile texts": reportOf({
    services: [
      serviceOf({
        service: "x".repeat(90),
        reason: hostile,
        targets: ["unidesk-".repeat(30)],
        commits: { log: [logged("b", hostile, [`src/${"deep/".repeat(40)}file.ts`, "a".repeat(300)], hostile)] },
      }),
      ...Array.from({ length: 60 }, (_, index) => stillOf(`still-${index}`)),
    ],
    destroys: [hostile, "y".repeat(200)],
    warnings: [`"'><svg onload=alert(1)>`],
  }),
  "nothing to do": reportOf({ services: [stillOf("frontend")], totals: { bytes: 0, seconds: 0, downtimeSeconds: 0 } }),
};

describe.each(Object.keys(reports))("%s", (name) => {
  const report = reports[name] as ReviewReport;

  test.each([
    ["phone, light", phone, "light"],
    ["phone, dark", phone, "dark"],
    ["desk, light", desk, "light"],
    ["desk, dark", desk, "dark"],
  ] as const)("fits a %s, readable and without a request", async (_, viewport, scheme) => {
    const { page, noise } = await open(report, viewport, scheme);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(faint)).toEqual([]);
    expect(noise).toEqual([]);
    await page.close();
  });
});

test("the dark page has another ground than the light one", async () => {
  const [light, dark] = [await open(exampleReport(), desk, "light"), await open(exampleReport(), desk, "dark")];
  expect(await light.page.evaluate(ground)).not.toBe(await dark.page.evaluate(ground));
});

test.each([phone, desk])(
  "shows each changing service by name, in the diagram and in the table, at $width px",
  async (viewport) => {
    const report = exampleReport();
    const { page } = await open(report, viewport);
    for (const { service, action } of report.services) {
      if (action === "none") continue;
      const drawn = page.locator("svg:visible g", {
        has: page.locator("text.name", { hasText: new RegExp(`^${service}$`) }),
      });
      expect(await drawn.locator("text.sign").first().isVisible(), service).toBe(true);
      // What is never applied has a line of its own in place of a row.
      const named =
        action === "refused"
          ? page.getByRole("listitem").filter({ hasText: service })
          : page.getByRole("rowheader", { name: service });
      expect(await named.first().isVisible(), service).toBe(true);
    }
    expect(await page.locator("svg:visible").count()).toBe(1);
    expect(await page.getByRole("img", { name: "Hosts and services" }).count()).toBe(1);
    expect(await page.getByRole("columnheader").count()).toBe(7);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
  },
);

test("no name leaves its tile", async () => {
  for (const viewport of [phone, desk]) {
    const { page } = await open(exampleReport(), viewport);
    for (const group of await page.locator("svg:visible g").all()) {
      const [tile, name] = [await group.locator(".tile").boundingBox(), await group.locator(".name").boundingBox()];
      const text = await group.locator(".name").textContent();
      expect((name?.x ?? 0) + (name?.width ?? 0), text ?? "").toBeLessThanOrEqual((tile?.x ?? 0) + (tile?.width ?? 0));
    }
  }
});

test("markup in a commit's subject is text", async () => {
  const { page, noise } = await open(reports["long and hostile texts"] as ReviewReport);
  expect(await page.locator(".log").first().textContent()).toContain(hostile);
  expect(await page.locator("script, img, iframe, [onerror], [onload]").count()).toBe(0);
  expect(noise).toEqual([]);
});

test("fails a page with a faint text or one that is too wide, so that these checks are worth something", async () => {
  const { page } = await open(exampleReport(), phone);
  await page.evaluate(`document.querySelector(".headline").style.color = "#bbb"`);
  expect(await page.evaluate(faint)).toHaveLength(1);
  await page.evaluate(`document.querySelector("main").style.minWidth = "500px"`);
  expect(await page.evaluate(overflow)).toBeGreaterThan(0);
});
