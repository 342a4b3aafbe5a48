import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { lookUntil } from "../../lib/steps/look-until.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const second = 1000;
const isGood = (seen: string) => seen === "good";

/** Answers that change with the time since now, in seconds; "away" is none, after half a second. */
function clock(...changes: [at: number, answer: string][]): () => Promise<string> {
  const started = Date.now();
  return async () => {
    const now = Date.now() - started;
    const answer = changes.findLast(([at]) => at * second <= now)?.[1] ?? "bad";
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (answer !== "away") return answer;
    throw new InfraBlockedError({ what: "d601: the cluster gives no answer" }, ["d601:kubernetes"]);
  };
}

async function ended<T>(promise: Promise<T>): Promise<{ end: T | Error; seconds: number }> {
  const started = Date.now();
  const at = () => (Date.now() - started) / second;
  const end = promise.then(
    (result) => ({ end: result, seconds: at() }),
    (error: Error) => ({ end: error, seconds: at() }),
  );
  await vi.advanceTimersByTimeAsync(600 * second);
  return end;
}

test("ends with the first look that is the end", async () => {
  const { end, seconds } = await ended(lookUntil(60, clock([5, "good"]), isGood));
  expect(end).toEqual({ seen: "good", isOver: false });
  expect(seconds).toBeCloseTo(5.5, 0);
});

test("ends with what it saw last where the time is over", async () => {
  const { end, seconds } = await ended(lookUntil(10, clock(), isGood));
  expect(end).toEqual({ seen: "bad", isOver: true });
  expect(seconds).toBeLessThan(12);
});

test("the time without an answer does not count, even where it is longer than all that there was", async () => {
  const { end } = await ended(lookUntil(10, clock([3, "away"], [40, "bad"], [45, "good"]), isGood));
  expect(end).toEqual({ seen: "good", isOver: false });
  const late = await ended(lookUntil(10, clock([3, "away"], [40, "bad"], [60, "good"]), isGood));
  expect(late.end).toEqual({ seen: "bad", isOver: true });
});

test("a silence of more than a minute, and of more than all the time, is an outage", async () => {
  const short = await ended(lookUntil(10, clock([3, "away"]), isGood));
  expect(short.end).toBeInstanceOf(InfraBlockedError);
  expect(short.seconds).toBeGreaterThanOrEqual(60);
  expect(short.seconds).toBeLessThan(70);
  const long = await ended(lookUntil(300, clock([100, "away"], [250, "good"]), isGood));
  expect(long.end).toEqual({ seen: "good", isOver: false });
});

test("a look that hangs until there is no more time is made once more", async () => {
  let looks = 0;
  const look = async () => {
    looks += 1;
    await new Promise((resolve) => setTimeout(resolve, 60 * second));
    if (looks > 1) return "good";
    throw new InfraBlockedError({ what: "d601: the host gave no answer" }, ["d601:ssh"]);
  };
  expect((await ended(lookUntil(10, look, isGood))).end).toEqual({ seen: "good", isOver: true });
});

test("another failure ends it at once, and so does somebody who has waited enough", async () => {
  const refused = new Error("refused");
  expect(await ended(lookUntil(60, () => Promise.reject(refused), isGood))).toEqual({ end: refused, seconds: 0 });
  const { end, seconds } = await ended(lookUntil(60, clock([0, "away"]), isGood, () => true));
  expect(end).toBeInstanceOf(InfraBlockedError);
  expect(seconds).toBeLessThan(1);
});
