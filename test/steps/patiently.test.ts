import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { onceMore, patiently } from "../../lib/steps/patiently.ts";

const away = () => new InfraBlockedError({ what: "d601: the API does not answer" }, ["d601:kubernetes"]);
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass until the promise has ended; returns what it ended with and after how many seconds. */
async function ended<T>(promise: Promise<T>): Promise<{ result: T | Error; seconds: number }> {
  const started = Date.now();
  const end = promise.then(
    (result) => ({ result, seconds: (Date.now() - started) / 1000 }),
    (result: Error) => ({ result, seconds: (Date.now() - started) / 1000 }),
  );
  await vi.advanceTimersByTimeAsync(120_000);
  return end;
}

test("asks every second until it is answered", async () => {
  const ask = vi.fn<() => Promise<string>>().mockRejectedValueOnce(away()).mockRejectedValueOnce(away());
  expect(await ended(patiently(ask.mockResolvedValue("there")))).toEqual({ result: "there", seconds: 2 });
});

test("fails with the last outage if nothing answers in time", async () => {
  const ask = vi.fn(() => Promise.reject(away()));
  const { result, seconds } = await ended(patiently(ask, 20));
  expect(result).toBeInstanceOf(InfraBlockedError);
  expect(seconds).toBe(20);
});

test("fails at once if the answer is another failure, or if nobody wants to wait any more", async () => {
  const refused = new Error("refused");
  expect(await ended(patiently(() => Promise.reject(refused)))).toEqual({ result: refused, seconds: 0 });
  const { result, seconds } = await ended(
    patiently(
      () => Promise.reject(away()),
      60,
      () => true,
    ),
  );
  expect(result).toBeInstanceOf(InfraBlockedError);
  expect(seconds).toBe(0);
});

describe("once more", () => {
  const after = (seconds: number, answer: () => Promise<string>) => async () => {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return answer();
  };

  test("a host that took too long for an answer is asked again", async () => {
    const answer = vi.fn<() => Promise<string>>().mockRejectedValueOnce(away()).mockResolvedValue("there");
    expect(await ended(onceMore(after(50, answer)))).toEqual({ result: "there", seconds: 101 });
  });

  test("fails if it gives no answer again, or another failure", async () => {
    const { result, seconds } = await ended(onceMore(() => Promise.reject(away())));
    expect(result).toBeInstanceOf(InfraBlockedError);
    expect(seconds).toBe(1);
    const refused = new Error("refused");
    expect(await ended(onceMore(() => Promise.reject(refused)))).toEqual({ result: refused, seconds: 0 });
  });
});
