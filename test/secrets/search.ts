import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { type HostName, labExec } from "../../lab/index.ts";
import { lines } from "../lab-support.ts";

/** A value as it is, as base64, and as SHA-256, with and without a newline at its end. */
export function formsOf(value: string): string[] {
  return [value, `${value}\n`].flatMap((text) => [
    ...(text === value ? [text] : []),
    Buffer.from(text).toString("base64").replace(/=+$/, "").slice(0, -1),
    createHash("sha256").update(text).digest("hex"),
  ]);
}

export function formsIn(text: string, forms: readonly string[]): string[] {
  return forms.filter((form) => text.includes(form));
}

/** Files below a folder that hold one of the forms; a plan file is looked into. What goes away meanwhile is not there. */
export function filesWith(folder: string, forms: readonly string[]): string[] {
  const entries = unlessGone(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    // Terraform's own programs.
    if (entry.isDirectory()) return path.endsWith("/.terraform/providers") ? [] : filesWith(path, forms);
    if (!entry.isFile()) return [];
    return formsIn(unlessGone(() => contentOf(path)) ?? "", forms).length > 0 ? [path] : [];
  });
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Text of a file, or of everything in it where it is a zip archive, as plan files are. */
export function contentOf(path: string): string {
  const bytes = readFileSync(path);
  const text = bytes.toString("latin1");
  // One that somebody is still writing has no end yet.
  return text.startsWith("PK\x03\x04") && text.includes("PK\x05\x06") ? unzip(bytes) : text;
}

/** The entries that the central directory names (APPNOTE.TXT 4.3.12), one after the other. */
function unzip(bytes: Buffer): string {
  const texts: string[] = [];
  for (let at = bytes.indexOf("PK\x01\x02", 0, "latin1"); at >= 0; at = bytes.indexOf("PK\x01\x02", at + 4, "latin1")) {
    const local = bytes.readUInt32LE(at + 42);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = bytes.subarray(from, from + bytes.readUInt32LE(at + 20));
    texts.push((bytes.readUInt16LE(at + 10) === 0 ? content : inflateRawSync(content)).toString("latin1"));
  }
  return texts.join("\n");
}

/** Places of a host where one of the forms is: the project's files but the registry's storage, and every log since. */
export async function placesOn(host: HostName, forms: readonly string[], since: string): Promise<string[]> {
  const script = `
forms=$(mktemp) && cat > "$forms" && trap 'rm -f "$forms"' EXIT
grep -rlaFf "$forms" --exclude-dir=registry-storage /home/ubuntu/.unidesk || true
journalctl --sync
journalctl --no-pager -o json --since "@$1" | grep -aqFf "$forms" && echo journal
for container in $(docker ps -aq); do
  docker logs "$container" 2>&1 | grep -aqFf "$forms" && docker inspect -f 'log of {{.Name}}' "$container"
done
true`;
  const options = { input: `${forms.join("\n")}\n`, timeoutMs: 200_000 };
  return lines(await labExec(host, ["bash", "-cu", script, "places", since], options));
}
