import { deployKeyPrefix } from "../catalog/index.ts";
import { expectEqual, type Reason } from "./verdict.ts";

/** The commit that a container was asked to be: a Compose file may hand it on under the service's own key or the common one. */
export function requestedCommit(service: string, env: Readonly<Record<string, string>>): string | undefined {
  return env[`${deployKeyPrefix(service)}REQUESTED_COMMIT`] ?? env.UNIDESK_DEPLOY_REQUESTED_COMMIT;
}

export function judgeRuntimeEnv(
  { service, commit }: { readonly service: string; readonly commit: string },
  env: Readonly<Record<string, string>>,
  where: string,
): Reason | undefined {
  const what = `runtime environment ${deployKeyPrefix(service)}REQUESTED_COMMIT`;
  return expectEqual(what, commit, requestedCommit(service, env), where);
}
