// Takes README's pictures of a review: the pull request of test/automation, on the lab's hosts, with its real comment.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ReviewReport } from "../lib/review/report.ts";
import { bot } from "../test/automation/forge.ts";
import { movedPins, PullRequestLab } from "../test/automation/pull-request.ts";
import { checkout } from "../test/lab-support.ts";
import { readJson } from "../test/review/lab.ts";
import { type Reviewed, takePictures } from "./images/pictures.ts";

async function reviewed(): Promise<Reviewed> {
  const job = new PullRequestLab("images");
  try {
    console.log("two hosts as the base branch says");
    await job.open();
    await job.forgetImages();
    job.propose(movedPins);
    console.log("the review's job");
    const { exitCode, stdout, stderr } = await job.review();
    if (exitCode !== 0) throw new Error(`${stdout}${stderr}`);
    const { body, fingerprint } = job.comment();
    const report = readJson(job.left(".unidesk", "reviews", fingerprint.slice(0, 16), "report.json"));
    return { comment: body, login: bot, report: ReviewReport.parse(report) };
  } finally {
    await job.close();
  }
}

const made = await reviewed();
// Kept for looking at what a picture is of.
const kept = join(checkout, ".unidesk", "images");
mkdirSync(kept, { recursive: true });
writeFileSync(join(kept, "comment.md"), made.comment);
writeFileSync(join(kept, "report.json"), JSON.stringify(made.report, undefined, 2));
await takePictures(made, join(checkout, "docs", "images"));
console.log("docs/images: comment.png, review.png, review-phone.png");
