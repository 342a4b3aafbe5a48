import { createHash } from "node:crypto";
import { deployLabels } from "../labels.ts";
import { withoutOrigin } from "../repair.ts";
import type { PlanJson, PlannedResource } from "./plan-json.ts";
import type { ResourceChange } from "./report.ts";

type FieldChange = ResourceChange["fields"][number];

/** Longest value that a report shows. */
const widest = 200;
const unknownValue = "(known after apply)";
const secretValue = "(sensitive)";
const changedSecret = "(sensitive, changed)";
const liveValue = "(live value, not shown)";

/** Where an object of a cluster may carry somebody's secret as plain text, which Terraform does not call sensitive. */
const mayBeSecret = /\.(env\.\d+\.value|args\.\d+|command\.\d+|http_header\.\d+\.value)$|\.annotations\./;

/** What this project writes there itself. */
const ours = /^([0-9a-f]{40}|sha256:[0-9a-f]{64}|[\w.:-]+\/unidesk\/[\w.-]+:[0-9a-f]{40})$/;

/** Of the annotations that say what was deployed. */
const deployPrefix = deployLabels.service.slice(0, deployLabels.service.lastIndexOf(".") + 1);

/** What a plan does with one resource. */
export interface PlannedChange {
  readonly change: ResourceChange;
  /**
   * SHA-256 over the whole values of its fields, of which a report shows the beginning. Sensitive ones are not in it, nor
   * where and when a first repair was found.
   */
  readonly sha256: string;
}

/** What a plan does, resource by resource; what it leaves alone or only reads is left out. */
export function changesOf(plan: PlanJson): PlannedChange[] {
  return plan.resource_changes.flatMap((resource) => {
    const action = actionOf(resource);
    if (!action) return [];
    const whole = wholeChanges(resource, action);
    return [
      {
        change: { address: resource.address, action, meaning: meaningOf(resource, action), fields: whole.map(cut) },
        sha256: createHash("sha256")
          .update(withoutOrigin(JSON.stringify(whole)))
          .digest("hex"),
      },
    ];
  });
}

function actionOf({ type, change, address }: PlannedResource): ResourceChange["action"] | undefined {
  const actions = change.actions.join(" ");
  if (actions === "no-op" || actions === "read") return change.importing ? "import" : undefined;
  if (actions === "forget") return "forget";
  // A step runs when its null_resource is made; to destroy one does nothing, but for the registry's stop.
  if (type === "null_resource") {
    if (actions !== "delete") return "run";
    return stopsSomething(address) ? "delete" : "forget";
  }
  if (actions === "create" || actions === "update" || actions === "delete") return actions;
  return "replace";
}

function stopsSomething(address: string): boolean {
  return address.endsWith(".registry-stop");
}

/** Meanings of steps, by how their address ends. */
const stepMeanings: readonly (readonly [string, string])[] = [
  ["-delivery", "brings the image to its host"],
  ["-containerd-image", "brings the image into containerd"],
  ["-deployment", "recreates the container, unless it is as declared"],
  ["-auth-sync", "hands .auth to the namespace"],
  ["-rollout", "waits for the rollout and verifies every pod"],
  ["-image-label", "checks the image's labels"],
  ["-health-commit", "checks the live commit"],
  ["-approval", "asks for the approval"],
  ["preflight", "checks every artifact and the disk"],
  ["registry-service", "installs and starts the registry's unit"],
  ["registry-health", "checks the registry"],
  ["registry-stop", "stops the registry when it is destroyed"],
  ["refusal", "refuses every apply of this stack"],
];

const verbs = { create: "creates", update: "changes", replace: "deletes and makes anew", delete: "deletes" } as const;

function meaningOf({ type, address }: PlannedResource, action: ResourceChange["action"]): string {
  const name = address.slice(address.indexOf(".") + 1);
  if (action === "forget") return "leaves Terraform's state; what runs keeps running";
  if (action === "import") return `takes over ${thing(type)} ${name} as it is`;
  if (action !== "run") {
    if (type === "null_resource") return "stops and disables the registry's unit";
    if (type === "docker_image") return "pulls the image; none is removed";
    return `${verbs[action]} ${thing(type)} ${name}`;
  }
  const found = stepMeanings.find(([ending]) => name.endsWith(ending))?.[1];
  if (found) return found;
  if (name.startsWith("namespace-")) return `ensures the namespace ${name.slice("namespace-".length)}`;
  if (name.startsWith("registry-")) return `writes the registry's file ${name.slice("registry-".length)}`;
  return "runs again";
}

function thing(type: string): string {
  const kind = type.slice(type.indexOf("_") + 1);
  return type.startsWith("kubernetes_") ? kind.charAt(0).toUpperCase() + kind.slice(1) : type;
}

/** One simple value of a resource, uncut. */
interface Leaf {
  readonly value: unknown;
  /** Terraform calls it sensitive, before the change or after it: nothing of it leaves this file. */
  readonly hidden: boolean;
}

/** A field that changes, with its whole values where they may be known. */
interface WholeChange {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What differs is told by the whole values; of a sensitive one no more is said than that it changes. */
function wholeChanges({ change, type }: PlannedResource, action: ResourceChange["action"]): WholeChange[] {
  if (action === "forget") return [];
  const marks = [change.before_sensitive, change.after_sensitive];
  const left = leaves(change.before, marks);
  const right = leaves(change.after, marks);
  for (const [path, { value, hidden }] of leaves(change.after_unknown, marks)) {
    if (hasTrue(value)) right.set(path, { value: unknownValue, hidden });
  }
  const changes: WholeChange[] = [];
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const [was, is] = [left.get(path), right.get(path)];
    const [before, after] = [textOf(was), textOf(is)];
    if (before === after || isNoise(path, before, after)) continue;
    changes.push({
      path,
      before: was?.hidden ? secretValue : isForeign(type, path, before) ? liveValue : before,
      after: is?.hidden ? (was ? changedSecret : secretValue) : after,
    });
  }
  return changes.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** What is declared is in the repository for everybody to read; what was found in a cluster may be anything. */
function isForeign(type: string, path: string, before: string | null): boolean {
  if (before === null || !type.startsWith("kubernetes_") || !mayBeSecret.test(path)) return false;
  return !ours.test(before) && !path.includes(`.annotations.${deployPrefix}`);
}

function textOf(leaf: Leaf | undefined): string | null {
  if (!leaf) return null;
  return typeof leaf.value === "object" ? JSON.stringify(leaf.value) : String(leaf.value);
}

/** Of lists and of what is sensitive Terraform also names what is known: false, or nothing. */
function hasTrue(value: unknown): boolean {
  return value === true || (typeof value === "object" && value !== null && Object.values(value).some(hasTrue));
}

/** Cut to what a report shows; where the beginnings are the same, to where they begin to differ. */
function cut({ path, before, after }: WholeChange): FieldChange {
  const [one, other] = [before ?? "", after ?? ""];
  let same = 0;
  while (same < one.length && one[same] === other[same]) same += 1;
  const from = before === null || after === null || same < widest - 1 ? 0 : same - 20;
  const shown = (text: string | null) => {
    if (text === null || (from === 0 && text.length <= widest)) return text;
    const rest = from === 0 ? text : `…${text.slice(from)}`;
    return rest.length > widest ? `${rest.slice(0, widest - 1)}…` : rest;
  };
  return { path, before: shown(before), after: shown(after) };
}

function isNoise(path: string, before: string | null, after: string | null): boolean {
  if (path === "id") return true;
  // Terraform drops a value that it ignores when it replaces a resource for another reason.
  if (path === "triggers.repair" && (after === null || after === unknownValue)) return true;
  // What nobody declared and nobody set is not there, whatever a provider calls that.
  if (before !== null && after !== null) return false;
  return ["", "false", "0"].includes(before ?? after ?? "");
}

/** Paths of all simple values below one; what any of the marks calls sensitive is one value, whatever is in it. */
function leaves(value: unknown, marks: readonly unknown[], path = "", into = new Map<string, Leaf>()) {
  if (value === null || value === undefined) return into;
  const hidden = marks.includes(true);
  if (hidden || typeof value !== "object") {
    into.set(path, { value, hidden });
    return into;
  }
  for (const [key, one] of Object.entries(value)) {
    const below = marks.map((mark) => (mark as Readonly<Record<string, unknown>> | null | undefined)?.[key]);
    leaves(one, below, path === "" ? key : `${path}.${key}`, into);
  }
  return into;
}
