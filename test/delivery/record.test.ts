import { expect, test } from "vitest";
import { parseDeliveryRecord } from "../../lib/delivery/record.ts";
import { digestA, digestB } from "../support.ts";

const record = { digest: digestA, imageId: digestB };

test("a record of an older version has neither bytes nor seconds", () =>
  expect(parseDeliveryRecord(JSON.stringify(record))).toEqual(record));

test("a record says what was fetched and how long it took", () => {
  const full = { ...record, bytes: 4_200_000, seconds: 1.5 };
  expect(parseDeliveryRecord(JSON.stringify(full))).toEqual(full);
});

test.each(["", "{", JSON.stringify({ digest: "latest", imageId: digestB }), JSON.stringify({ ...record, bytes: -1 })])(
  "%s proves nothing",
  (text) => expect(parseDeliveryRecord(text)).toBeUndefined(),
);
