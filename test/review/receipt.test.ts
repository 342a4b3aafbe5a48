import { expect, test } from "vitest";
import { Receipt, renderReceiptMarkdown } from "../../lib/review/receipt.ts";
import { commit, digest } from "./support.ts";

const service = {
  service: "frontend",
  environment: "prod",
  host: "main-server",
  commit: commit("b"),
  digests: {
    registry: digest("2"),
    target: digest("2"),
    labelCommit: commit("b"),
    replicas: [
      {
        name: "unidesk-frontend",
        liveCommit: commit("b"),
        requestedCommit: commit("b"),
        image: "delivered",
        imageDigest: digest("2"),
      },
    ],
  },
  agrees: true,
  differs: false,
  predicted: { bytes: 4_100_000, seconds: 6, downtimeSeconds: null },
  measured: { bytes: 4_120_000, seconds: 6.4, downtimeSeconds: 1.8 },
  result: "applied",
};
const receiptOf = (change: object = {}) =>
  Receipt.parse({
    version: 1,
    fingerprint: "0123456789abcdef",
    target: "lab",
    startedAt: "2026-05-04T10:00:00Z",
    finishedAt: "2026-05-04T10:00:12Z",
    operator: "lin@runner",
    result: "applied",
    stacks: [{ name: "unidesk-prod-main-server", result: "applied", reason: null }],
    services: [service],
    ...change,
  });

test("predicted numbers stand beside the real ones, and unknown is said", () => {
  const text = renderReceiptMarkdown(receiptOf());
  expect(text).toContain("### ✓ applied: 1 service of lab in 12 s");
  expect(text).toContain("4.1 MB → **4.1 MB** | 6 s → **6.4 s** | unknown → **1.8 s**");
  expect(text).toContain("| unidesk-frontend bbbbbbb | ✓ yes |");
  expect(text.split("\n").at(-1)).toBe("<!-- unidesk-fingerprint: 0123456789abcdef -->");
});

test("bytes that nobody measured are unknown, and those that differ stand beside the predicted ones", () => {
  const costs = [null, 0, 9_440_000].map((bytes) => ({
    ...service,
    measured: { ...service.measured, bytes },
  }));
  const text = renderReceiptMarkdown(receiptOf({ services: costs }));
  for (const real of ["unknown", "0 B", "9.4 MB"]) expect(text).toContain(`| 4.1 MB → **${real}** |`);
});

test("a replica that runs something else is said first", () => {
  const replicas = [
    {
      name: "unidesk-frontend",
      liveCommit: commit("a"),
      requestedCommit: commit("b"),
      image: "other",
      imageDigest: digest("1"),
    },
  ];
  const wrong = { ...service, agrees: false, differs: true, digests: { ...service.digests, replicas } };
  const text = renderReceiptMarkdown(receiptOf({ services: [wrong], result: "partial" }));
  expect(text).toContain("1 service does not run what was pinned everywhere");
  expect(text).toContain("unidesk-frontend aaaaaaa, asked for bbbbbbb, image sha256:111111111111 | ✕ **NO**");
});

test("fails if an image that nobody saw is said to be another one, or the same", () => {
  const [replica] = service.digests.replicas;
  const row = (change: object, agreement: object) => {
    const digests = { ...service.digests, replicas: [{ ...replica, imageDigest: null, ...change }] };
    return renderReceiptMarkdown(receiptOf({ services: [{ ...service, ...agreement, digests }], result: "failed" }));
  };
  const unseen = row({ image: "unknown" }, { agrees: false, differs: false });
  expect(unseen).toContain("Of 1 service not everything was seen");
  expect(unseen).toContain("unidesk-frontend bbbbbbb, image unknown | ? unknown |");
  const other = row({ image: "other" }, { agrees: false, differs: true });
  expect(other).toContain("unidesk-frontend bbbbbbb, **another image** | ✕ **NO** |");
});

test("fails for a field that is not declared", () => {
  expect(() => receiptOf({ secret: "x" })).toThrow("secret");
});
