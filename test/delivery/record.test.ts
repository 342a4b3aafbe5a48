import { expect, test } from "vitest";
import { parseDeliveryRecord } from "../../lib/delivery/record.ts";
import { digestA, digestB } from "../support.ts";

const record = { digest: digestA, imageId: digestB };

test("a record of an older version has neither bytes nor seconds", () =>
  expect(parseDeliveryRecord(JSON.stringify(record))).toEqual(record));

test.each([{ bytes: 4_200_000, seconds: 1.5 }, { bytes: 0, seconds: 0 }, { seconds: 1.5 }])(
  "a record says what was fetched, where that is known, and how long it took: %j",
  (cost) => expect(parseDeliveryRecord(JSON.stringify({ ...record, ...cost }))).toEqual({ ...record, ...cost }),
);

test.each(["", "{", JSON.stringify({ digest: "latest", imageId: digestB }), JSON.stringify({ ...record, bytes: -1 })])(
  "%s proves nothing",
  (text) => expect(parseDeliveryRecord(text)).toBeUndefined(),
);
