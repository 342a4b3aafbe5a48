import { UserError } from "../errors.ts";

/** Set inside a task of Code Queue: what runs there was not started by a person at that moment. */
export const codeQueueTaskVariables = ["CODE_QUEUE_TASK_ID", "UNIDESK_CODE_QUEUE_TASK_ID"] as const;

/**
 * A task must not touch the service that runs it. That a variable is absent proves nothing; the signature does.
 * That it is there is enough to refuse.
 */
export function refuseInCodeQueueTask(environment: NodeJS.ProcessEnv, action: string): void {
  const name = codeQueueTaskVariables.find((variable) => environment[variable]);
  if (!name) return;
  throw new UserError({
    what: `${action} is refused inside a Code Queue task, whatever was signed; nothing was changed`,
    found: `${name} is set`,
    allowed: "a shell or a CI job that no Code Queue task started",
    remedy: "let a person run it from there",
  });
}
