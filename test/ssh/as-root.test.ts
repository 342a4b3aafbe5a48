import { chmodSync } from "node:fs";
import { expect, test } from "vitest";
import { asRootFunction } from "../../lib/ssh/as-root.ts";
import { bash, tempFolder, write } from "../support.ts";

/** What a host prints whose sudo looks for programs in folders of its own. */
function asRoot(user: string, command: string): string {
  const folder = tempFolder();
  chmodSync(
    write(folder, "sudo", '#!/bin/bash\n[ "$1" = -n ] || exit 9\nshift\nPATH=/usr/bin:/bin exec "$@"\n'),
    0o755,
  );
  chmodSync(write(folder, "id", `#!/bin/sh\necho ${user}\n`), 0o755);
  const { stdout, stderr } = bash(`PATH=${folder}:/usr/bin:/bin\n${asRootFunction}\nas_root ${command}`);
  expect(stderr).toBe("");
  return stdout.toString().replaceAll(folder, "FOLDER");
}

test("a program in /usr/local/bin is found, after those in root's own folders", () => {
  expect(asRoot("1000", `sh -c 'echo "$PATH"'`)).toBe("/usr/bin:/bin:/usr/local/bin\n");
  expect(asRoot("0", `sh -c 'echo "$PATH"'`)).toBe("FOLDER:/usr/bin:/bin:/usr/local/bin\n");
});

test.each(["0", "1000"])("every word comes through as it is, and so does the exit code: user %s", (user) => {
  expect(asRoot(user, `printf '<%s>' 'a b' '' '$x' "it's"; as_root sh -c 'exit 7'; echo $?`)).toBe(
    "<a b><><$x><it's>7\n",
  );
});
