import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import { askTagFunction, registrySilent } from "./build-script.ts";
import { pruneTakesLong, pruneWaitSeconds, shareRegistryFunction } from "./publisher-lock.ts";

/** The registry has no such tag any more. Nothing was recorded. */
const tagGone = 28;

/**
 * Records an artifact while the registry has it. A prune that was planned before sees the record and keeps the artifact;
 * the lock that it holds alone says that none is under way.
 *
 * Arguments: folder of locks, file of the record, URL of the tag's manifest, how many seconds the registry may be away.
 * Standard input: the record.
 */
export const recordScript = `
set -u -o pipefail
${shareRegistryFunction}${askTagFunction}export LC_ALL=C
locks=$1 file=$2 manifest_url=$3 patience=$4
mkdir -p "$locks" "$(dirname "$file")" || exit 1
share_registry "$locks" || exit $?
deadline=$((SECONDS + patience))
while :; do
  status=$(ask_tag)
  case $status in
    200) break ;;
    404) exit ${tagGone} ;;
  esac
  [ $SECONDS -lt $deadline ] || { echo "the registry answered $status to HEAD $manifest_url" >&2; exit ${registrySilent}; }
  sleep 1
done
stage=$(mktemp "$file.XXXXXX") && cat > "$stage" && chmod 0644 "$stage" && mv -f "$stage" "$file"
`;

export interface ArtifactRecord {
  readonly locks: string;
  readonly file: string;
  readonly manifestUrl: string;
  readonly patienceSeconds: number;
  readonly text: string;
}

/** False where the registry lost the artifact meanwhile. */
export async function recordArtifact(host: Connection, record: ArtifactRecord): Promise<boolean> {
  const { locks, file, manifestUrl, patienceSeconds, text } = record;
  const args = [locks, file, manifestUrl, String(patienceSeconds)];
  const options = { input: text, timeoutSeconds: pruneWaitSeconds + patienceSeconds + 60 };
  const { exitCode, stderr } = await runScript(host, recordScript, args, options);
  if (exitCode === 0) return true;
  if (exitCode === tagGone) return false;
  const problem = {
    what: `${host.name}: the artifact is in the registry, but ${file} could not be written`,
    found: lastLines(stderr, 2) || `exit ${exitCode}`,
    remedy: "npx unidesk registry health, then publish again: the artifact is reused",
  };
  const blocked = exitCode === registrySilent || exitCode === pruneTakesLong;
  throw blocked ? new InfraBlockedError(problem, [`${host.name}:registry`]) : new UserError(problem);
}
