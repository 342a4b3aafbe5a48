import { hostname, userInfo } from "node:os";

/** Who applies, for the history: `user@machine`, or what UNIDESK_OPERATOR says, such as the person behind a CI job. */
export function operatorOf(environment: NodeJS.ProcessEnv): string {
  const said = environment.UNIDESK_OPERATOR?.replaceAll(/[^\w .@+-]/g, "_").slice(0, 100);
  return said || `${userInfo().username}@${hostname()}`;
}
