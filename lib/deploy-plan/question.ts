import { resolve } from "node:path";
import { type Consumer, findService, isConsumer, type Unsupported } from "../catalog/index.ts";
import { DeployFile, type Pin } from "../config/deploy-file.ts";
import { readJsonFile } from "../config/json-file.ts";
import { builtPins, type Site } from "../config/site.ts";
import { type Commit, type Digest, type Environment, environments } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";

/** What to plan. */
export interface PlanQuestion {
  readonly environment?: Environment;
  readonly service?: string;
  /** What if this commit were pinned; of one service. */
  readonly commit?: Commit;
}

/** One record to come. */
export interface PlanSubject {
  readonly service: string;
  readonly environment: Environment;
  readonly commit: Commit | undefined;
  readonly digest?: Digest;
  readonly pinnedCommit: Commit | undefined;
  readonly consumer: Consumer | Unsupported;
}

/** Pins of deploy.json, and what it cannot pin: a refusal is an answer here, not an error. */
export function readSubjects(site: Site): PlanSubject[] {
  const { deployFile } = site;
  const file = readJsonFile(resolve(site.root, deployFile), deployFile, DeployFile);
  const unsupported = environments.flatMap((environment) =>
    Object.entries(file.environments[environment] ?? {}).flatMap(([service, { commit }]): PlanSubject[] => {
      const consumer = findService(service)?.consumers[environment];
      if (!consumer || isConsumer(consumer)) return [];
      return [{ service, environment, commit, pinnedCommit: commit, consumer }];
    }),
  );
  const refused = ({ service, environment }: Pick<PlanSubject, "service" | "environment">) =>
    unsupported.some((subject) => subject.service === service && subject.environment === environment);
  const supported = {
    ...file,
    environments: Object.fromEntries(
      environments.map((environment) => [
        environment,
        Object.fromEntries(
          Object.entries(file.environments[environment] ?? {}).filter(
            ([service]) => !refused({ service, environment }),
          ),
        ),
      ]),
    ),
  };
  const pins = builtPins(supported, site.ci, deployFile);
  return [...pins.map((pin: Pin): PlanSubject => ({ ...pin, pinnedCommit: pin.commit })), ...unsupported];
}

/** What a question is about; throws where that is nothing. */
export function subjectsOf(question: PlanQuestion, pinned: readonly PlanSubject[], deployFile: string): PlanSubject[] {
  const { environment, service } = question;
  const subjects = service === undefined ? [...pinned] : ofService(service, question, pinned);
  const found = subjects.filter((subject) => environment === undefined || subject.environment === environment);
  if (found.length > 0) return found;
  throw nothingToPlan(question, deployFile);
}

/** The pins of one service; with a commit all its consumers, pinned or not; and a refusal where that was asked for. */
function ofService(service: string, { environment, commit }: PlanQuestion, pinned: readonly PlanSubject[]) {
  const entry = findService(service);
  return environments.flatMap((candidate): PlanSubject[] => {
    const pin = pinned.find((subject) => subject.service === service && subject.environment === candidate);
    const consumer = entry?.consumers[candidate];
    const asked = environment === candidate;
    if (pin && (commit === undefined || commit === pin.commit)) return [pin];
    if (!consumer || (!asked && (commit === undefined || !isConsumer(consumer)))) return pin ? [pin] : [];
    if (commit === undefined && isConsumer(consumer)) return [];
    return [{ service, environment: candidate, commit, pinnedCommit: pin?.pinnedCommit, consumer }];
  });
}

/** `--commit` is about one service. */
export function requireService({ service, commit }: PlanQuestion): void {
  if (commit === undefined || service !== undefined) return;
  throw new UserError(
    {
      what: "--commit says what if one service had it; which one is missing",
      found: commit,
      allowed: "--service SERVICE --commit SHA, with or without --env",
      remedy: "add --service, or leave --commit out",
    },
    exitCodes.usage,
  );
}

function nothingToPlan({ environment, service }: PlanQuestion, deployFile: string): UserError {
  const inEnvironment = environment ? ` in ${environment}` : "";
  const option = environment ? ` --env ${environment}` : "";
  return new UserError({
    what: `nothing to plan: ${deployFile} does not pin ${service ?? "any service"}${inEnvironment}`,
    remedy: service
      ? `npx unidesk deploy plan --service ${service}${option} --commit SHA plans what is not pinned`
      : `pin a service${inEnvironment} in ${deployFile}`,
  });
}
