import type { Connection } from "../config/hosts.ts";
import { mustRun } from "./script.ts";

const script = `
set -eu
mkdir -p "$(dirname "$1")"
stage=$(mktemp "$1.XXXXXX")
cat > "$stage"
chmod 0644 "$stage"
mv -f "$stage" "$1"
`;

/** Replaces a file of the user's on a host in one rename, with its folder where that is missing. */
export async function writeRemoteFile(host: Connection, path: string, content: string): Promise<void> {
  await mustRun(host, `write ${path}`, script, [path], { input: content });
}
