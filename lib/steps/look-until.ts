import { lookSeconds } from "../observe/host.ts";
import { patiently } from "./patiently.ts";
import { restAfter } from "./rest.ts";

/** How long a cluster may at least be silent before nobody asks any more, in seconds; and there are two looks at least. */
const silenceSeconds = 60;
const twoLooksSeconds = 2 * lookSeconds + 10;

/**
 * Looks again and again until what is seen ends it, or the time is over. A cluster that gives no answer for a while says
 * nothing about what was asked: that time does not count, and the last look is one that was answered.
 *
 * @param seconds How long to look for.
 * @param isEnd Whether what is seen is the end, good or bad.
 * @param isEnough Whether nobody wants to wait any more, such as after a signal. Default: never.
 * @returns What the last look saw, and whether there was no more time. Throws what a look throws, an outage after a minute
 *   without an answer at the earliest.
 */
export async function lookUntil<T>(
  seconds: number,
  look: () => Promise<T>,
  isEnd: (seen: T) => boolean,
  isEnough = () => false,
): Promise<{ readonly seen: T; readonly isOver: boolean }> {
  let deadline = Date.now() + seconds * 1000;
  for (;;) {
    const asked = Date.now();
    const patience = Math.max(silenceSeconds, (deadline - asked) / 1000);
    let began = asked;
    let looks = 0;
    const ask = () => {
      began = Date.now();
      looks += 1;
      return look();
    };
    const isSilent = () => looks > 1 && Date.now() >= asked + patience * 1000;
    const seen = await patiently(ask, Math.max(twoLooksSeconds, patience), () => isEnough() || isSilent());
    deadline += began - asked;
    const isOver = Date.now() >= deadline || isEnough();
    if (isEnd(seen) || isOver) return { seen, isOver };
    await restAfter(began);
  }
}
