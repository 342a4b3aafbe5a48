import { shortCommit } from "../config/values.ts";
import type { PlannedPin } from "./plan.ts";
import type { ShownPin } from "./show.ts";

export const shownHead = ["service", "env", "pinned", "live", "newest", "behind", "apply"] as const;

/** `!` marks what does not say so itself and an image that no pin may have, `?` what nobody could look at. */
export function shownRow({
  service,
  environment,
  decision,
  pinned,
  live,
  newestPublished,
  behind,
  ...pin
}: ShownPin): string[] {
  const undeployed = decision === "plan-only" || decision === "blocked";
  const change = relationText(pin.relation, pin.ahead, pin.behindLive);
  return [
    service,
    environment,
    shortCommit(pinned.commit),
    live.commit ? `${shortCommit(live.commit)}${live.state === "unhealthy" ? "!" : ""}` : liveWords[live.state],
    newestPublished.commit
      ? `${shortCommit(newestPublished.commit)}${newestPublished.deployable === false ? "!" : ""}`
      : newestPublished.state === "none"
        ? "-"
        : "?",
    behind ? String(behind.commits) : "?",
    [
      undeployed ? decision : live.state === "absent" ? "first" : change,
      ...(pinned.rollback ? ["(rollback)"] : []),
    ].join(" "),
  ];
}

const liveWords: Readonly<Record<ShownPin["live"]["state"], string>> = {
  healthy: "",
  unhealthy: "",
  mixed: "mixed",
  absent: "-",
  unknown: "?",
  "never-applied": "-",
};

export const plannedHead = ["service", "env", "from", "to", "change"] as const;

export function plannedRow({
  service,
  environment,
  previousCommit,
  commit,
  changed,
  relation,
  ...pin
}: PlannedPin): string[] {
  const change =
    relation === null
      ? "first pin"
      : relation === "same" && changed
        ? "same commit"
        : relationText(relation, pin.ahead, pin.behind);
  return [
    service,
    environment,
    previousCommit ? shortCommit(previousCommit) : "-",
    shortCommit(commit),
    changed ? change : "already pinned",
  ];
}

function relationText(relation: ShownPin["relation"], ahead: number, behind: number): string {
  if (relation === "forward") return `forward ${ahead}`;
  if (relation === "backward") return `backward ${behind}`;
  if (relation === "diverged") return `diverged +${ahead} -${behind}`;
  return relation;
}
