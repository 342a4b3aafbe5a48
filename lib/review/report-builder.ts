import { preflightAddress, serviceAddresses } from "../addresses.ts";
import { catalog, isConsumer } from "../catalog/index.ts";
import { pinName } from "../config/deploy-file.ts";
import { environments } from "../config/values.ts";
import { planOnlyStack, registryStack, stackName } from "../stack-names.ts";
import { changesOf } from "./changes.ts";
import { planLines } from "./fingerprint.ts";
import {
  destroys,
  type Extent,
  isApplied,
  isOpen,
  isWaiting,
  type ResourceChange,
  type ReviewReport,
  type ServiceReview,
  type StackReview,
} from "./report.ts";
import type { StackPlan } from "./terraform.ts";

/** A stack's plan, and which of its changes belong to which service. */
export interface SortedStack {
  readonly review: StackReview;
  /** By `<environment>/<service>`. */
  readonly byService: ReadonlyMap<string, readonly ResourceChange[]>;
  /** Its preflight runs, which judges the artifact of every pin of the stack. */
  readonly preflight: boolean;
  /** The plan as lines of the fingerprint. */
  readonly lines: readonly string[];
}

/** Addresses of every consumer that is, or once was, in a stack. */
function ownersIn(stack: string): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { service, consumers } of catalog()) {
    for (const environment of environments) {
      const consumer = consumers[environment];
      if (!isConsumer(consumer)) continue;
      const home = `unidesk-${environment}-${consumer.runtime.host}`;
      if (stackName(service, environment, consumer) !== stack && home !== stack) continue;
      const addresses =
        stack === planOnlyStack ? [`null_resource.${service}-${environment}`] : serviceAddresses(service, environment);
      for (const address of addresses) owners.set(address, pinName({ environment, service }));
    }
  }
  return owners;
}

export function sortStack(name: string, planned: StackPlan): SortedStack {
  const { resources } = planned;
  if ("error" in planned) {
    return {
      review: { name, action: "error", error: planned.error, unchanged: resources, changes: [] },
      byService: new Map(),
      preflight: false,
      lines: [`${name} plan: could not be made`],
    };
  }
  const all = planned.plan ? changesOf(planned.plan) : [];
  const changes = all.map(({ change }) => change);
  const owners = ownersIn(name);
  const byService = new Map<string, ResourceChange[]>();
  const own: ResourceChange[] = [];
  for (const change of changes) {
    const owner = owners.get(change.address);
    if (owner === undefined) own.push(change);
    else byService.set(owner, [...(byService.get(owner) ?? []), change]);
  }
  // What is forgotten is no resource of the stack any more.
  const acting = changes.filter(({ action }) => action !== "forget").length;
  const action = changes.length === 0 ? "none" : name === planOnlyStack ? "refused" : "change";
  return {
    review: { name, action, error: null, unchanged: Math.max(0, resources - acting), changes: own },
    byService,
    preflight: own.some((change) => change.address === preflightAddress && change.action === "run"),
    lines: planLines(name, all),
  };
}

/** Objects outside Terraform that an apply removes or makes anew. */
export function destroysOf(stacks: readonly StackReview[], services: readonly ServiceReview[]): string[] {
  const all = [
    ...stacks.flatMap(({ name, changes }) => changes.map((change) => ({ stack: name, ...change }))),
    ...services.flatMap(({ stack, changes }) => changes.map((change) => ({ stack, ...change }))),
  ];
  return all.filter(destroys).map(({ stack, address, meaning }) => `${stack}: ${meaning} (${address})`);
}

/**
 * What is on the hosts, split by whether the apply touches it.
 *
 * @param unseen What nobody could look at. Default: nothing.
 */
export function extentsOf(
  stacks: readonly StackReview[],
  services: readonly ServiceReview[],
  unseen: ReviewReport["unseen"] = [],
): Pick<ReviewReport, "touched" | "waiting" | "untouched"> {
  const touched = services.filter(isApplied);
  const waiting = services.filter(isWaiting);
  // What nobody could plan, or look at, is neither touched nor left alone.
  const open = services.filter((one) => isOpen(one, unseen));
  const names = (list: readonly ServiceReview[]) =>
    new Set(list.flatMap(({ host, targets }) => targets.map((one) => `${host} ${one}`)));
  const changing = names([...touched, ...waiting, ...open]);
  // A plan-only pin may name what another pin runs.
  const rest = services.filter((one) => one.targets.every((name) => !changing.has(`${one.host} ${name}`)));
  const spaces = (list: readonly ServiceReview[]) =>
    new Set(
      list.flatMap(({ host, runtime, targets }) =>
        runtime === "k3s" ? targets.map((one) => `${host} ${one.split("/")[0]}`) : [],
      ),
    );
  const files = stacks.flatMap(({ name, changes }) =>
    name === registryStack ? changes.flatMap(({ address }) => registryPart(address) ?? []) : [],
  );
  const busy = spaces(touched);
  const moving = spaces([...touched, ...waiting, ...open]);
  const idle = new Set([...spaces(rest)].filter((one) => !moving.has(one)));
  return {
    touched: extents(touched, busy, files),
    waiting: extents(waiting, spaces(waiting), []),
    untouched: extents(rest, idle, []),
  };
}

/** What a step of the registry's stack writes or starts; undefined where it only reads. */
function registryPart(address: string): string | undefined {
  const part = /^null_resource\.registry-(config|compose|unit|service)$/.exec(address)?.[1];
  return part && (part === "service" ? "the registry's service" : `the registry's ${part} file`);
}

function extents(
  services: readonly ServiceReview[],
  namespaces: ReadonlySet<string>,
  files: readonly string[],
): Extent[] {
  const hosts = new Set([...services.map(({ host }) => host), ...(files.length > 0 ? ["d601"] : [])]);
  const targets = (host: string, runtime: string) => [
    ...new Set(services.filter((one) => one.host === host && one.runtime === runtime).flatMap((one) => one.targets)),
  ];
  return [...hosts].sort().map((host) => ({
    host,
    containers: targets(host, "compose").sort(),
    deployments: targets(host, "k3s").sort(),
    namespaces: [...namespaces]
      .filter((one) => one.startsWith(`${host} `))
      .map((one) => one.slice(host.length + 1))
      .sort(),
    files: host === "d601" ? [...files] : [],
  }));
}

export function totalsOf(services: readonly ServiceReview[], bytes: number | null): ReviewReport["totals"] {
  if (services.some(({ action }) => action === "unknown")) return { bytes: null, seconds: null, downtimeSeconds: null };
  const changing = services.filter(isApplied);
  const sum = (numbers: readonly (number | null)[]) =>
    numbers.includes(null) ? null : Math.round(numbers.reduce<number>((total, one) => total + (one ?? 0), 0) * 10) / 10;
  const down = changing.filter(({ interrupts }) => interrupts).map(({ time }) => time.downtimeSeconds);
  return {
    bytes: changing.some(({ transfer }) => transfer.bytes === null) ? null : bytes,
    seconds: sum(changing.map(({ time }) => time.seconds)),
    downtimeSeconds: down.includes(null) ? null : Math.max(0, ...down.map((one) => one ?? 0)),
  };
}
