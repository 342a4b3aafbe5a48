import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Connection, connectionOf, type HostName, Hosts } from "../../lib/config/hosts.ts";
import { checkValue } from "../../lib/config/json-file.ts";
import { failureOf, hostKeys, hostsJson, tempFolder, write } from "../support.ts";

/** Connection to d601, with `changes` to its entry. */
function connect(changes: object, root = "/checkout", host: HostName = "d601"): Connection {
  const hosts = hostsJson();
  return connectionOf(checkValue({ ...hosts, [host]: { ...hosts[host], ...changes } }, "hosts", Hosts), host, root);
}
const refusal = (changes: object, root?: string) => failureOf(() => connect(changes, root));

test("defaults fill a connection", () => {
  expect(connect({})).toEqual({
    name: "d601",
    kind: "ssh",
    address: "192.0.2.1",
    port: 22,
    user: "ubuntu",
    home: "/home/ubuntu",
    hostKeys: [hostKeys.ed25519, hostKeys.ecdsa],
  });
});

test("root's home is /root, and a given home wins", () => {
  expect(connect({ user: "root" }).home).toBe("/root");
  expect(connect({ home: "/srv/ubuntu" }).home).toBe("/srv/ubuntu");
});

test("a proxy is handed on", () => {
  expect(connect({ proxyJump: "bastion", proxyCommand: "nc %h %p" })).toMatchObject({
    proxyJump: "bastion",
    proxyCommand: "nc %h %p",
  });
});

describe("identityFile", () => {
  test.each([
    ["~/.ssh/key", join(homedir(), ".ssh/key")],
    ["/etc/key", "/etc/key"],
    ["./key", "/checkout/key"],
    ["../key", "/key"],
  ])("%s is %s", (identityFile, path) => {
    expect(connect({ identityFile }).identityFile).toBe(path);
  });

  test.each(["key", "~other/key", ""])("fails if it is %j", (identityFile) => {
    expect(refusal({ identityFile }).message).toBe(
      `hosts: d601.identityFile: found ${JSON.stringify(identityFile)}; must be a path on the runner: ~/…, /… or ./…`,
    );
  });
});

describe("hostKeys", () => {
  const needed =
    "must list the host's public keys: there is no trust on first use; remedy: ssh-keyscan from a machine that you trust";

  test.each(["d601", "main-server"] as const)("fails if %s is reached by SSH and has none", (host) => {
    const { message, exitCode } = failureOf(() => connect({ hostKeys: [] }, "/checkout", host));
    expect(message).toBe(`hosts: ${host}.hostKeys: found []; ${needed}`);
    expect(exitCode).toBe(2);
  });

  test("are not needed for a local host", () => {
    expect(connect({ connection: "local", hostKeys: [] })).toMatchObject({ kind: "local", hostKeys: [] });
  });

  test.each(["ssh-ed25519", "192.0.2.1 ssh-ed25519 AAAA", "ssh-dss AAAA", "@keys", `${hostKeys.ecdsa}\nssh-rsa AAAA`])(
    "fails if a line is %j",
    (line) => {
      expect(refusal({ hostKeys: [hostKeys.ed25519, line] }).message).toMatch(
        /^hosts: d601\.hostKeys\.1: found ".*; must be a host key line \("ecdsa-sha2-nistp256 AAAA…"\) or "@" and a file of such lines$/,
      );
    },
  );

  test("of a file are its lines, without comments", () => {
    const root = tempFolder();
    write(root, "keys.pub", `# d601\n\n${hostKeys.ecdsa} root@d601\n  ${hostKeys.ed25519}\n`);
    expect(connect({ hostKeys: ["@./keys.pub"] }, root).hostKeys).toEqual([
      `${hostKeys.ecdsa} root@d601`,
      hostKeys.ed25519,
    ]);
  });

  test("fails if the file is not there", () => {
    const root = tempFolder();
    const { message, exitCode } = refusal({ hostKeys: ["@./keys.pub"] }, root);
    expect(message).toBe(
      [
        "hosts.d601.hostKeys: the key file cannot be read",
        `  found:   ENOENT: no such file or directory, open '${join(root, "keys.pub")}'`,
        "  remedy:  npm run lab -- up makes the lab's; for a real host write its public key lines into cdktf.json",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  // With an empty host_key Terraform's SSH verifies nothing at all.
  test.each([
    ["is empty", ""],
    ["holds comments only", "# none yet\n"],
  ])("fails if the file %s", (_, content) => {
    const root = tempFolder();
    write(root, "keys.pub", content);
    expect(refusal({ hostKeys: ["@./keys.pub"] }, root).message).toContain("hosts.d601.hostKeys: ");
  });

  test.each([
    ["of ssh-keyscan, with the address before the key", `192.0.2.1 ${hostKeys.ecdsa}\n`],
    ["that is no key", "not a key\n"],
  ])("fails if the file has a line %s", (_, content) => {
    const root = tempFolder();
    write(root, "keys.pub", content);
    expect(refusal({ hostKeys: ["@./keys.pub"] }, root).message).toContain("must be a host key line");
  });
});

test.each(["Ubuntu", "-oProxyCommand=x", "a b", ""])("fails if the user is %j", (user) => {
  expect(refusal({ user }).message).toBe(`hosts: d601.user: found ${JSON.stringify(user)}; must be a user name`);
});

test.each([0, 65_536, 22.5, "22"])("fails if the port is %j", (port) => {
  expect(refusal({ port }).message).toMatch(
    new RegExp(`^hosts: d601\\.port: found ${JSON.stringify(port).replace(".", "\\.")}; .*\\b(65535|1|number|int)\\b`),
  );
});

test("fails if the connection is neither ssh nor local", () => {
  expect(refusal({ connection: "docker" }).message).toMatch(
    /^hosts: d601\.connection: found "docker"; .*"ssh"\|"local"$/,
  );
});

test("fails if a host has an unknown key", () => {
  expect(refusal({ strictHostKeyChecking: false }).message).toContain('hosts: d601: unknown "strictHostKeyChecking"');
});

test("fails if main-server has no compose", () => {
  const { compose: _, ...mainServer } = hostsJson()["main-server"];
  const hosts = { ...hostsJson(), "main-server": mainServer };
  expect(failureOf(() => checkValue(hosts, "hosts", Hosts)).message).toMatch(
    /^hosts: main-server\.compose: is missing;/,
  );
});

describe("compose.file", () => {
  const compose = (file: unknown) => {
    const hosts = hostsJson();
    const main = { ...hosts["main-server"], compose: { ...hosts["main-server"].compose, file } };
    return checkValue({ ...hosts, "main-server": main }, "hosts", Hosts)["main-server"].compose.file;
  };

  test("is one file or several, one a line from here on", () => {
    expect(compose("docker-compose.yml")).toBe("docker-compose.yml");
    expect(compose(["a.yml", "/etc/b.yml"])).toBe("a.yml\n/etc/b.yml");
  });

  test.each([[""], [[]], [["a\nb"]]])("fails if it is %j", (file) => {
    expect(failureOf(() => compose(file)).message).toContain("hosts: main-server.compose.file");
  });
});
