import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { controlPath, runtimeDir, sshOptions } from "../../lib/ssh/options.ts";
import { failureOf, hostKeys, sshHost, tempFolder, write } from "../support.ts";

/** The value of one `-o` option. */
function option(options: readonly string[], name: string): string | undefined {
  return options.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

test("nothing of the user's configuration counts, and nobody is asked", () => {
  const options = sshOptions(sshHost({ port: 2222 }));
  expect(options.slice(0, 2)).toEqual(["-F", "none"]);
  expect(options.slice(-4)).toEqual(["-p", "2222", "-l", "ubuntu"]);
  expect(option(options, "BatchMode")).toBe("yes");
});

test("the host key is looked up among the pinned lines only", () => {
  const options = sshOptions(sshHost());
  expect(option(options, "StrictHostKeyChecking")).toBe("yes");
  expect(option(options, "GlobalKnownHostsFile")).toBe("/dev/null");
  expect(option(options, "UpdateHostKeys")).toBe("no");
  expect(option(options, "HostKeyAlias")).toBe("unidesk-d601");
  expect(readFileSync(option(options, "UserKnownHostsFile") ?? "", "utf8")).toBe(
    `unidesk-d601 ${hostKeys.ed25519}\nunidesk-d601 ${hostKeys.ecdsa}\n`,
  );
});

test("another key is another file", () => {
  const file = (keys: string[]) => option(sshOptions(sshHost({ hostKeys: keys })), "UserKnownHostsFile");
  expect(file([hostKeys.ecdsa])).not.toBe(file([hostKeys.ed25519]));
});

test("a key file is the only identity, and without one the agent is asked", () => {
  const withKey = sshOptions(sshHost({ identityFile: "/keys/my key" }));
  expect(option(withKey, "IdentitiesOnly")).toBe("yes");
  expect(option(withKey, "IdentityFile")).toBe('"/keys/my key"');
  expect(option(sshOptions(sshHost()), "IdentitiesOnly")).toBeUndefined();
});

test("a proxy command is handed on", () => {
  const options = sshOptions(sshHost({ proxyCommand: "nc %h %p" }));
  expect(option(options, "ProxyCommand")).toBe("nc %h %p");
});

test("a jump host's key is verified as well, and nobody is asked", () => {
  const options = sshOptions(sshHost({ proxyJump: "ann@bastion:2222", identityFile: "/keys/id" }));
  expect(option(options, "ProxyJump")).toBeUndefined();
  expect(option(options, "ProxyCommand")).toBe(
    "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=5 -o IdentitiesOnly=yes " +
      "-o 'IdentityFile=\"/keys/id\"' -l ann -p 2222 -W '[%h]:%p' -- bastion",
  );
});

test("fails if no host key is pinned", () => {
  const error = failureOf(() => sshOptions(sshHost({ hostKeys: [] })));
  expect(error.message).toBe(
    [
      "d601: no host key is pinned, so it is not contacted",
      "  allowed: at least one public key line in hostKeys",
      "  remedy:  add the host's keys to context.hosts.d601.hostKeys in cdktf.json",
    ].join("\n"),
  );
  expect(error).toBeInstanceOf(InfraBlockedError);
  expect((error as InfraBlockedError).missingChannels).toEqual(["d601:ssh"]);
});

describe("controlPath", () => {
  test("fits into a socket's name", () => expect(controlPath(sshHost()).length).toBeLessThanOrEqual(90));

  test.each([
    { hostKeys: [hostKeys.ecdsa] },
    { address: "192.0.2.3" },
    { port: 23 },
    { user: "root" },
    { identityFile: "/keys/a" },
    { proxyJump: "bastion" },
    { proxyCommand: "nc %h %p" },
  ])("is another one for %j: a running master is joined without a look at its key", (changes) => {
    expect(controlPath(sshHost(changes))).not.toBe(controlPath(sshHost()));
  });

  test("is another one where the same file has another key: the next job of the same runner", () => {
    const identityFile = write(tempFolder(), "id", "observing");
    const observing = controlPath(sshHost({ identityFile }));
    expect(controlPath(sshHost({ identityFile }))).toBe(observing);
    rmSync(identityFile);
    const without = controlPath(sshHost({ identityFile }));
    writeFileSync(identityFile, "deploying");
    expect(new Set([observing, without, controlPath(sshHost({ identityFile }))]).size).toBe(3);
  });
});

test("the runtime folder is private", () => {
  expect((statSync(runtimeDir()).mode & 0o777).toString(8)).toBe("700");
});
