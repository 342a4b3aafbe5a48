import type { Command } from "commander";
import { refuseInCodeQueueTask } from "../approval/code-queue-task.ts";
import { parseExpiry } from "../approval/expiry.ts";
import { signApproval } from "../approval/sign.ts";
import { stepApproval } from "../approval/source.ts";
import type { Consumer, Supervised } from "../catalog/index.ts";
import { checkValue } from "../config/json-file.ts";
import { loadPins, loadSite, overridesOf } from "../config/site.ts";
import { Commit, Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { stackName } from "../stack-names.ts";
import { consumerNamed } from "./consumer.ts";
import { print, printFields, printJson } from "./output.ts";

interface ApproveOptions {
  readonly env: string;
  readonly commit: string;
  readonly expires: string;
  readonly key?: string;
  readonly json?: boolean;
}

export function addApproveCommand(program: Command, root: string): void {
  program
    .command("approve")
    .description("say yes, as a person, to one commit of a supervised service")
    .argument("<service>", "service id")
    .requiredOption("--env <environment>", "prod or dev")
    .requiredOption("--commit <commit>", "full commit, 40 hex digits, as deploy.json pins it")
    .option("--expires <time>", "30m, 4h, 2d or a time with its zone; at most 7 days", "4h")
    .option("--key <file>", "the approver's key; without it ~/.ssh and the agent are searched")
    .option("--json", "print JSON")
    .action(async (service: string, options: ApproveOptions) => {
      refuseInCodeQueueTask(process.env, `approving ${service}`);
      const environment = checkValue(options.env, "--env", Environment);
      const commit = checkValue(options.commit, "--commit", Commit);
      const expires = parseExpiry(options.expires, Date.now());
      const consumer = consumerNamed(service, environment);
      const supervised = supervisedOf(service, environment, consumer);
      const site = loadSite(root, overridesOf(process.env));
      const pin = loadPins(site).find(
        (candidate) => candidate.service === service && candidate.environment === environment,
      );
      if (pin && pin.commit !== commit) throw otherCommit(site.deployFile, service, environment, pin.commit, commit);
      const signed = await signApproval(stepApproval(site, { service, environment, commit }), expires, options.key);
      const fields = { target: site.target, service, environment, commit, ...signed };
      if (options.json) return printJson({ ok: true, ...fields });
      print(`${signed.signer} approves`);
      printFields({ ...fields, affects: supervised.affectedRuntime, never: supervised.excludedTargets.join(", ") });
      print(
        pin
          ? `then: npx cdktf deploy ${stackName(service, environment, consumer)}`
          : `${site.deployFile} does not pin it, so this is good for: npx unidesk retire ${service} --env ${environment}`,
      );
    });
}

function supervisedOf(service: string, environment: Environment, { supervised, planOnly }: Consumer): Supervised {
  if (supervised && !planOnly) return supervised;
  throw new UserError(
    planOnly
      ? {
          what: `${service} in ${environment} is ${planOnly.decision}: no approval makes it deployable`,
          found: planOnly.reason,
          remedy: "none is needed to plan it: npx cdktf diff unidesk-plan-only",
        }
      : {
          what: `${service} in ${environment} is not supervised: no approval is needed`,
          found: service,
          remedy: "deploy it: the stack's apply asks for none",
        },
    exitCodes.usage,
  );
}

/** An approval for something that nobody reviewed as a pin could only be used later, unseen. */
function otherCommit(
  file: string,
  service: string,
  environment: Environment,
  pinned: Commit,
  commit: Commit,
): UserError {
  return new UserError(
    {
      what: `${file} pins another commit of ${service} in ${environment}`,
      found: commit,
      allowed: pinned,
      remedy: "approve the pinned commit, or let a reviewed change pin this one first",
    },
    exitCodes.usage,
  );
}
