import type { ComposeRuntime } from "../catalog/index.ts";
import { targetOf } from "../compose/target.ts";
import { Commit } from "../config/values.ts";
import { hostPaths } from "../host-paths.ts";
import { runScript } from "../ssh/run.ts";
import { mustRun } from "../ssh/script.ts";
import { runIdOf } from "../steps/run-id.ts";
import { lookScript, retireScript } from "./compose-scripts.ts";
import {
  approvalFor,
  historyLine,
  noCommit,
  type Retired,
  type RetireRequest,
  receiptsOf,
  refusal,
} from "./request.ts";

/** One Compose service: its container is removed; images, volumes and the env file stay. */
export async function retireCompose(request: RetireRequest<ComposeRuntime>): Promise<Retired | undefined> {
  const { site, service, consumer } = request;
  const target = targetOf(site, consumer.runtime);
  const host = site.connections[target.host];
  const look = [target.container, target.project, target.composeService];
  const seen = (await mustRun(host, `look at ${target.container}`, lookScript, look)).split("\n");
  const [id = "", label = ""] = seen;
  const commit = Commit.safeParse(label).data;
  const place = `the container ${target.container} on ${target.host}`;
  const approval = consumer.supervised && id !== "" ? await approvalFor(request, commit, place, label) : undefined;
  const line = historyLine(request, { commit: commit ?? noCommit, ...(approval ? { approval } : {}) });
  const paths = hostPaths(host);
  const { exitCode, stderr } = await runScript(
    host,
    retireScript,
    [
      runIdOf(),
      line.operator,
      service,
      line.commit,
      target.container,
      id,
      target.project,
      target.root,
      target.file,
      "path" in target.envFile ? target.envFile.path : "",
      "path" in target.envFile ? "" : target.envFile.configJson,
      target.composeService,
      `${paths.locks}/compose-${target.project}`,
      `${paths.deployJobs}/${target.project}/${target.composeService}`,
      `${paths.history}/${service}.jsonl`,
      JSON.stringify(line).slice(0, -1),
      ...receiptsOf(request, host, ["delivery", "deployment"]),
    ],
    { timeoutSeconds: 500, onProgress: request.say },
  );
  if (exitCode !== 0) throw refusal(host.name, service, exitCode, stderr);
  if (id === "") return undefined;
  return { container: target.container, commit, ...(approval ? { signer: approval.signer } : {}) };
}
