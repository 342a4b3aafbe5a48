import { expect, test, vi } from "vitest";
import { exitCodes, InfraBlockedError } from "../../lib/errors.ts";
import { observeHost } from "../../lib/observe/host.ts";
import { NoEndError } from "../../lib/ssh/run.ts";
import { mustRun } from "../../lib/ssh/script.ts";
import { localHost, rejectionOf } from "../support.ts";

vi.mock("../../lib/ssh/script.ts", () => ({ mustRun: vi.fn() }));

test("a host that gives no answer in time is infra-blocked: nothing was decided about what runs there", async () => {
  const remedy = "look at the host: ssh ubuntu@127.0.0.1 -p 22";
  vi.mocked(mustRun).mockRejectedValueOnce(
    new NoEndError({ what: "d601: no end after 60 s of: script", found: "no output on standard error", remedy }),
  );
  const error = await rejectionOf(observeHost(localHost("/home/ubuntu"), { services: [] }));
  expect(error).toBeInstanceOf(InfraBlockedError);
  expect(error).toMatchObject({ exitCode: exitCodes.infraBlocked, missingChannels: ["d601:ssh"] });
  expect(error.message).toBe(
    [
      "d601: the host gave no answer within 60 s",
      "  found:   no output on standard error",
      `  remedy:  ${remedy}; then try again`,
    ].join("\n"),
  );
});
