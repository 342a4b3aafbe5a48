import { expect, test } from "vitest";
import { InfraBlockedError, UserError } from "../../lib/errors.ts";
import { bridgeRestart } from "../../lib/registry/patience.ts";

const silent = new InfraBlockedError({ what: "d601: the registry does not answer" }, ["d601:registry"]);

/** Fails as often as it has failures, then answers. */
function looks(...failures: readonly Error[]) {
  const left = [...failures];
  const seen = { looks: 0 };
  const look = async () => {
    seen.looks += 1;
    const failure = left.shift();
    if (failure) throw failure;
    return "answer";
  };
  return { look, seen };
}

test("a registry that restarts is waited for", async () => {
  const { look, seen } = looks(silent, silent);
  expect(await bridgeRestart(look)).toBe("answer");
  expect(seen.looks).toBe(3);
});

test("fails with its last silence where it stays away", async () => {
  const { look, seen } = looks(...Array<Error>(20).fill(silent));
  await expect(bridgeRestart(look, 1)).rejects.toBe(silent);
  expect(seen.looks).toBeLessThan(20);
});

test("fails at once where it answers something else", async () => {
  const refused = new UserError({ what: "the registry answered 401" });
  const { look, seen } = looks(refused, silent);
  await expect(bridgeRestart(look)).rejects.toBe(refused);
  expect(seen.looks).toBe(1);
});
