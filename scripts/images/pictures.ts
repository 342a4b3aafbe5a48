import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { renderHtml } from "../../lib/review/render/html.ts";
import type { ReviewReport } from "../../lib/review/report.ts";
import { browserPrograms } from "../../tools/browser.mjs";
import { onPath } from "../prepare/run.mjs";
import { commentPage } from "./comment-page.ts";

/** What a picture leaves free below its last part. */
const margin = 20;

export interface Reviewed {
  /** The posted comment's Markdown. */
  readonly comment: string;
  /** Who posted it. */
  readonly login: string;
  readonly report: ReviewReport;
}

interface Picture {
  readonly file: string;
  readonly html: string;
  readonly width: number;
  /** Pixels of the picture for each of the page's. */
  readonly scale: number;
  readonly dark?: boolean;
  /** What a reader has opened. */
  readonly open?: (page: Page) => Locator;
  /** The picture ends below this part. */
  readonly last: (page: Page) => Locator;
}

/** Writes `comment.png`, `review.png` and `review-phone.png`. */
export async function takePictures({ comment, login, report }: Reviewed, folder: string): Promise<void> {
  const html = renderHtml(report);
  const pictures: readonly Picture[] = [
    {
      file: "comment.png",
      html: commentPage(comment, login),
      width: 900,
      scale: 1,
      open: (page) => page.locator("summary").first(),
      last: (page) => page.locator("article"),
    },
    { file: "review.png", html, width: 1120, scale: 1, last: (page) => page.locator("details").last() },
    {
      file: "review-phone.png",
      html,
      width: 390,
      scale: 1.5,
      dark: true,
      last: (page) => page.locator(".legend").first(),
    },
  ];
  const [executablePath] = onPath(...browserPrograms);
  if (!executablePath) throw new Error("no Chromium on PATH; remedy: node scripts/prepare.mjs --browser");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    for (const picture of pictures) await take(browser, picture, folder);
  } finally {
    await browser.close();
  }
}

async function take(browser: Browser, picture: Picture, folder: string): Promise<void> {
  const { file, html, width, scale, dark = false, open, last } = picture;
  const viewport = { width, height: 800 };
  const page = await browser.newPage({ viewport, deviceScaleFactor: scale, colorScheme: dark ? "dark" : "light" });
  await page.setContent(html);
  await open?.(page).click();
  await page.mouse.move(0, 0);
  const box = await last(page).boundingBox();
  if (!box) throw new Error(`${file}: the part that it ends with is not there`);
  const clip = { x: 0, y: 0, width, height: Math.ceil(box.y + box.height) + margin };
  await page.screenshot({ path: join(folder, file), clip, fullPage: true });
  await page.close();
}
