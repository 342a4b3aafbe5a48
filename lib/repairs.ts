import type { HostName } from "./config/hosts.ts";
import type { Site } from "./config/site.ts";
import type { HostFacts } from "./observe/host.ts";
import type { SiteFacts } from "./observe/site.ts";
import type { Receipt, ReceiptKey } from "./receipts.ts";
import { decideRepair, type Repair } from "./repair.ts";
import { readStateTriggers, type StateTriggers } from "./state.ts";
import type { Drift } from "./verdicts/drift.ts";

/** One thing on a host that a resource of a stack manages. */
export interface Managed {
  /** Name of the resource in its stack. */
  readonly name: string;
  readonly host: HostName;
  /** What is declared, one line; goes into the receipt. */
  readonly spec: string;
  /** The facts that Terraform compares. */
  readonly facts: Readonly<Record<string, string>>;
  /** Why the host is not as a spec says: the declared one, or the one of the receipt. */
  drift(spec: string, host: HostFacts): Drift;
}

/** Answers for the resources of one stack whether they need a repair, from what was observed. */
export class Repairs {
  private readonly state: StateTriggers | undefined;

  constructor(
    site: Site,
    private readonly stack: string,
    private readonly observed: SiteFacts,
  ) {
    this.state = readStateTriggers(site, stack);
  }

  key(name: string): ReceiptKey {
    return `${this.stack}/${name}`;
  }

  receipt(name: string, host: HostName): Receipt | undefined {
    return this.observed.hosts[host]?.receipts.get(this.key(name));
  }

  decide({ name, host, spec, facts, drift }: Managed): Repair {
    const seen = this.observed.hosts[host];
    const receipt = this.receipt(name, host);
    return decideRepair({
      spec,
      receipt,
      look: seen && {
        drift: drift(spec, seen),
        driftFromReceipt: drift(receipt?.spec ?? spec, seen)?.replace(", pinned ", ", last applied "),
      },
      origin: seen?.origin(this.key(name)) ?? "",
      state: this.state && {
        isAsDeclared: saysFacts(this.state.get(name), facts),
        repair: this.state.get(name)?.repair ?? "",
      },
    });
  }
}

function saysFacts(
  triggers: Readonly<Record<string, string>> | undefined,
  facts: Readonly<Record<string, string>>,
): boolean {
  return triggers !== undefined && Object.entries(facts).every(([key, value]) => triggers[key] === value);
}

/** A read-only step runs again with any repair in front of it. */
export function repairOfAll(repairs: Readonly<Record<string, Repair>>): Repair {
  const needed = Object.entries(repairs).filter(([, { ignore }]) => ignore === "none");
  if (needed.length > 0) {
    return { value: needed.map(([name, { value }]) => `${name} ${value}`).join("; "), ignore: "none" };
  }
  const settled = Object.values(repairs).every(({ ignore }) => ignore === "triggers");
  return { value: "", ignore: settled ? "triggers" : "repair" };
}
