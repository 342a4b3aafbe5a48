import type { Site } from "../config/site.ts";
import { holderFunctions } from "../deploy-job/holder.ts";
import { newJobId } from "../deploy-job/job-spec.ts";
import { followFunction } from "../deploy-job/start-script.ts";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { shellQuote } from "../ssh/quote.ts";
import { lastLines, type RemoteResult, runScript } from "../ssh/run.ts";
import { planTooOld, pruneJobScript } from "./job-script.ts";
import type { PrunePlan } from "./plan.ts";
import { dropIn, overridePaths, pruneUnit, readOnlyCompose, serveScript } from "./read-only.ts";
import { type RegistryStorage, readStorage, storageTree } from "./storage.ts";

/** How long a prune waits for publishers that push, in seconds. */
const lockWaitSeconds = 900;

/** Longer than the job's own bounds together. */
const followSeconds = 7000;

/**
 * Starts the prune as a systemd unit and follows it until the unit is gone, the registry writable again. Arguments:
 * folder of all prunes, id, unit, publishers' lock. Standard input: three lines of base64 with job, spec and plan.
 */
export const startPruneScript = String.raw`
set -u
export LC_ALL=C
umask 022
folder=$1 id=$2 unit=$3 publish_lock=$4
IFS= read -r job && IFS= read -r spec && IFS= read -r plan || { echo "incomplete input" >&2; exit 1; }
${holderFunctions}
${followFunction}
${asRootFunction}
active() { case $(systemctl show -p ActiveState --value "$unit") in active | activating | deactivating | reloading) return 0 ;; esac; return 1; }
if [ ! -e "$folder/$id/log" ]; then
  mkdir -p "$folder/$id" "$(dirname "$publish_lock")" && touch "$publish_lock" || exit 1
  for name in job spec plan; do base64 -d <<< "${"$"}{!name}" > "$folder/$id/$name" || exit 1; done
  sync -f "$folder"
  find "$folder" -mindepth 1 -maxdepth 1 -type d ! -name "$id" | sort | head -n -5 | tr '\n' '\0' | xargs -0 -r rm -rf
  said=$(as_root systemd-run --quiet --collect --unit="$unit" --description="UniDesk prune of the artifact registry" \
    --property=Type=exec --property=After=docker.service --property=TimeoutStopSec=300 --property=RuntimeMaxSec=6900 --property=LimitCORE=0 \
    --property="ExecStopPost=/bin/bash \"$folder/$id/job\" undo \"$folder/$id\"" \
    /bin/bash "$folder/$id/job" run "$folder/$id" 2>&1) || {
    rm -rf "$folder/$id"
    case $said in
      *already*) echo "another prune is running: $unit" >&2; exit 75 ;;
      *) printf 'the prune %s could not be started: %s\n' "$unit" "$said" >&2; exit 1 ;;
    esac
  }
fi
follow "$folder" "$id" "$unit" start ${followSeconds}
for try in $(seq 1 600); do
  active || break
  sleep 0.5
done
`;

/** Nothing was pruned, because the hosts may have changed since the plan was made. */
export class PlanTooOldError extends UserError {}

/** How many plans are made before a prune gives up. */
const plans = 3;

/** Plans and prunes anew for as long as the plan is too old by then. */
export async function againWhileTooOld<T>(attempt: () => Promise<T>, say: (line: string) => void): Promise<T> {
  for (let left = plans - 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !(error instanceof PlanTooOldError)) throw error;
      say(`${error.problem.found}; planning again`);
    }
  }
}

export interface PruneResult {
  /** Bytes that lie on the disk less than before. */
  readonly freedBytes: number;
  readonly blobs: number;
}

/** Carries out a plan and looks at what is there afterwards. */
export async function applyPrune(site: Site, plan: PrunePlan, say: (line: string) => void): Promise<PruneResult> {
  const host = site.connections.d601;
  const paths = hostPaths(host, site.registry.name);
  const id = newJobId();
  const publishLock = `${paths.locks}/publish`;
  const files = [pruneJobScript, renderSpec(site, plan, publishLock), renderPlan(plan)];
  const input = files.map((text) => `${Buffer.from(text).toString("base64")}\n`).join("");
  const args = [paths.prunes, id, pruneUnit, publishLock];
  const options = { input, timeoutSeconds: followSeconds + 400, onProgress: say };
  const ended = await runScript(host, startPruneScript, args, options);
  if (ended.exitCode !== 0 || !ended.stdout.startsWith("@ended done ")) {
    throw failureOf(ended, { unit: `${site.registry.name}.service`, log: `${paths.prunes}/${id}/log` });
  }
  say("looking at what is left");
  return compare(plan, await readStorage(host, site.registry));
}

/** What it means that a prune ended so. */
export function failureOf(
  { exitCode, stdout, stderr }: RemoteResult,
  { unit, log }: { readonly unit: string; readonly log: string },
): UserError {
  const [, word = "", text = ""] = /^@(refused|ended failed|ended closed) ([^\n]*)/.exec(stdout) ?? [];
  const found = lastLines(stderr, 2) || "no output on standard error";
  const again = `npx unidesk registry status, then the same prune again; its log: ${log}`;
  if (word === "ended closed") {
    const remedy = `on d601: systemctl restart ${unit}, which starts it writable; then npx unidesk registry health; the log: ${log}`;
    return new UserError({ what: `d601: ${text}; but the registry was not seen to become writable`, found, remedy });
  }
  if (word === "ended failed") {
    return new UserError({ what: "d601: the prune failed; the registry is writable again", found, remedy: again });
  }
  if (exitCode === 0 && word === "") {
    const what = "d601: the prune was cut off; the registry becomes writable by itself";
    return new UserError({ what, found, remedy: again });
  }
  const problem = { what: "d601: nothing was pruned", found, remedy: again };
  if (text === String(planTooOld)) return new PlanTooOldError(problem);
  if (text === String(exitCodes.infraBlocked)) return new InfraBlockedError(problem, ["d601:registry"]);
  return new UserError(problem);
}

function renderSpec({ connections, registry: settings }: Site, plan: PrunePlan, publishLock: string): string {
  const host = connections.d601;
  const paths = hostPaths(host, settings.name);
  const override = overridePaths(settings);
  const values = {
    name: settings.name,
    unit: `${settings.name}.service`,
    url: `http://${settings.address}:${settings.port}`,
    tree: `${paths.registry.storage}/${storageTree}`,
    artifacts: paths.artifacts,
    publish_lock: publishLock,
    lock_wait: String(lockWaitSeconds),
    looked_at: String(plan.storage.lookedAt / 1000),
    override: override.folder,
    drop_in: override.dropIn,
    compose_text: readOnlyCompose(),
    serve_text: serveScript(settings, host),
    drop_in_text: dropIn(settings),
    probe_repository: plan.storage.repositories[0]?.name ?? "unidesk/none",
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${shellQuote(value)}\n`)
    .join("");
}

function renderPlan({ artifacts, manifests, storage }: PrunePlan): string {
  const going = artifacts.filter(({ decision }) => decision === "delete");
  const touched = new Set([...going, ...manifests].map(({ repository }) => repository));
  const lines = [
    ...storage.repositories
      .filter(({ name }) => touched.has(name))
      .map(({ name, listing }) => `repository ${name} ${listing}`),
    ...going.flatMap(({ repository, tag, digest }) => (tag ? [`tag ${repository} ${tag} ${digest}`] : [])),
    ...manifests.map(({ repository, digest }) => `manifest ${repository} ${digest.replace("sha256:", "")}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Everything that stays is there with every blob that was there before, and what goes is gone. */
export function compare(plan: PrunePlan, after: RegistryStorage): PruneResult {
  const before = plan.storage;
  const gone = new Set(plan.manifests.map(({ repository, digest }) => `${repository}@${digest}`));
  const left = new Map(
    after.repositories.flatMap(({ name, manifests }) =>
      manifests.map((one) => [`${name}@${one.digest}`, one.pushedAt]),
    ),
  );
  const wrong = before.repositories.flatMap(({ name, manifests }) =>
    manifests.flatMap(({ digest, references }) => {
      const key = `${name}@${digest}`;
      const pushedAt = left.get(key);
      // The registry is writable again: somebody may have pushed it since.
      if (gone.has(key)) return pushedAt !== undefined && pushedAt < before.lookedAt ? [`${key} is still there`] : [];
      const lost = [digest, ...references].filter((blob) => before.blobs.has(blob) && !after.blobs.has(blob));
      return pushedAt !== undefined && lost.length === 0 ? [] : [`${key} lost ${lost.join(", ") || "its name"}`];
    }),
  );
  if (wrong.length > 0) {
    throw new UserError({
      what: "after the prune the registry's storage is not what the plan says",
      found: wrong.slice(0, 5).join("; "),
      remedy: "publish what is lost again: npx unidesk artifact publish",
    });
  }
  const removed = [...before.blobs].filter(([digest]) => !after.blobs.has(digest));
  return { freedBytes: removed.reduce((sum, [, size]) => sum + size, 0), blobs: removed.length };
}
