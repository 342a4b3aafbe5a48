import { observingRefusal, observingWord, scriptId } from "../ssh/observing.ts";

/** Where the program lies on a host; root's, so that the login it is forced on cannot change it. */
export const observerPath = "/usr/local/lib/unidesk-observer";

/** What comes before the key in authorized_keys: nothing but this program, no forwarding, no terminal, no agent. */
export const observerOptions = `restrict,command="${observerPath}"`;

/**
 * The forced command of observing keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT). What a client sends is a script's
 * name and its arguments; the script's text is the one below, whatever the client has.
 */
export function observerProgram(scripts: ReadonlyMap<string, string>): string {
  return `#!/bin/bash
# The forced command of UniDesk's observing keys: reads, and nothing else. Written by: npx unidesk observer install
set -u
unset BASH_ENV ENV
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
refuse() { printf 'unidesk-observer: %s\\n' "$1" >&2; exit ${observingRefusal}; }
read -r -a words <<< "\${SSH_ORIGINAL_COMMAND:-}"
[ "\${#words[@]}" = 3 ] && [ "\${words[*]}" = "$SSH_ORIGINAL_COMMAND" ] && [ "\${words[0]}" = ${observingWord} ] ||
  refuse "this key can look and do nothing else; UNIDESK_ACCESS=observe tells UniDesk so"
[ "\${#words[2]}" -le 20000 ] && [[ \${words[2]} =~ ^(-|[A-Za-z0-9+/]+={0,2})$ ]] || refuse "these are no arguments"
arguments=()
[ "\${words[2]}" = - ] || mapfile -d '' -t arguments < <(base64 -d <<< "\${words[2]}")
case \${words[1]} in
${[...scripts].map(([title, script]) => branch(title, script)).join("\n")}
*) refuse "this is none of the reads of a review, or another version of one: npx unidesk observer install" ;;
esac
exec bash -c "$script" unidesk "\${arguments[@]}"
`;
}

/** The delimiter is the script's own hash, which no line of it can be. */
function branch(title: string, script: string): string {
  const id = scriptId(script);
  return `# ${title}
${id})
IFS= read -r -d '' script <<'${id}'
${script}
${id}
;;`;
}
