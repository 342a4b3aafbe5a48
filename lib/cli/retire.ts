import type { Command } from "commander";
import { refuseInCodeQueueTask } from "../approval/code-queue-task.ts";
import type { Runtime } from "../catalog/index.ts";
import { checkValue } from "../config/json-file.ts";
import { loadPins, loadSite, overridesOf } from "../config/site.ts";
import { Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { type Retired, retire } from "../retire/retire.ts";
import { consumerNamed } from "./consumer.ts";
import { print, printJson, withProgress } from "./output.ts";

interface RetireOptions {
  readonly env: string;
  readonly json?: boolean;
}

export function addRetireCommand(program: Command, root: string): void {
  program
    .command("retire")
    .description("stop a service that deploy.json does not pin any more; the only stop there is")
    .argument("<service>", "service id")
    .requiredOption("--env <environment>", "prod or dev")
    .option("--json", "print JSON")
    .action(async (service: string, { env, json }: RetireOptions) => {
      refuseInCodeQueueTask(process.env, `retiring ${service}`);
      const environment = checkValue(env, "--env", Environment);
      const consumer = consumerNamed(service, environment);
      const { planOnly, runtime } = consumer;
      if (planOnly) {
        throw new UserError(
          {
            what: `${service} in ${environment} is ${planOnly.decision}: it was never deployed from here, so nothing is stopped`,
            found: planOnly.reason,
          },
          exitCodes.usage,
        );
      }
      const site = loadSite(root, overridesOf(process.env));
      const pin = loadPins(site).find(
        (candidate) => candidate.service === service && candidate.environment === environment,
      );
      if (pin) {
        throw new UserError({
          what: `nothing was stopped: ${site.deployFile} still pins ${service} in ${environment}, so the next apply would start it again`,
          found: pin.commit,
          remedy: `remove environments.${environment}.${service} from ${site.deployFile} first`,
        });
      }
      const retired = await withProgress(`retiring ${service}`, (say) =>
        retire({ site, service, environment, consumer, say }),
      );
      if (json) return printJson({ ok: true, service, environment, host: runtime.host, retired: retired ?? null });
      print(retired ? sentenceOf(retired, runtime) : `nothing to stop: ${nothingOf(runtime)}`);
    });
}

function sentenceOf(retired: Retired, { host }: Runtime): string {
  const end = `at ${retired.commit ?? "no known commit"}${retired.signer ? `, approved by ${retired.signer}` : ""}`;
  if ("container" in retired) {
    return `stopped and removed ${host} container ${retired.container} ${end}; images, volumes and the env file stay`;
  }
  const { namespace, deployments, services } = retired;
  const objects = [...deployments.map((name) => `Deployment ${name}`), ...services.map((name) => `Service ${name}`)];
  return `stopped and deleted ${host} ${namespace} ${objects.join(", ")} ${end}; namespace, Secrets, ConfigMaps and images stay`;
}

function nothingOf(runtime: Runtime): string {
  if (runtime.kind === "compose") return `${runtime.host} has no container ${runtime.container}`;
  const names = runtime.workloads.map(({ name }) => name).join(", ");
  return `${runtime.host} ${runtime.namespace} has no Deployment or Service ${names}`;
}
