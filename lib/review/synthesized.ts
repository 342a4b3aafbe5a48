import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import type { SiteFacts } from "../observe/site.ts";
import type { StepBundle } from "../steps/bundle.ts";

/** What the app made of a site: every stack as Terraform JSON, and what it saw on the way. */
export interface Synthesized {
  readonly site: Site;
  readonly pins: readonly Pin[];
  /** The hosts were looked at, or somebody asked for the opposite. */
  readonly isObserved: boolean;
  readonly observed: SiteFacts;
  readonly bundle: StepBundle;
  /** Names of all stacks. */
  readonly stacks: readonly string[];
  /** Folder with one folder a stack. */
  readonly folder: string;
}

/** Writes the stacks to a folder. The app knows Terraform and lib does not, so that it is handed in. */
export type Synthesize = (root: string, environment: NodeJS.ProcessEnv, outdir?: string) => Promise<Synthesized>;
