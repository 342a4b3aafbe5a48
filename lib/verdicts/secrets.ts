import type { ComposeTarget } from "../compose/target.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** Lengths by key, 0 where a key is missing or empty; undefined where the env file cannot be read. Never a value. */
export type SecretLengths = Readonly<Record<string, number>> | undefined;

/** A service that needs secrets is recreated only when the controlled env file holds every one of them. */
export function judgeSecrets(target: ComposeTarget, lengths: SecretLengths): Verdict {
  const where = `${target.host} controlled env file`;
  if (target.secrets.length > 0 && !lengths) {
    return verdictOf([{ what: "env file", expected: "readable", found: "not readable", where }]);
  }
  return verdictOf(
    target.secrets.map((key) =>
      lengths?.[key] ? undefined : { what: `secret ${key}`, expected: "present", found: "missing", where },
    ),
  );
}

/** One line a key for people and logs: `KEY present, 64 characters`. */
export function describeSecrets(target: ComposeTarget, lengths: SecretLengths): string[] {
  return target.secrets.map((key) => {
    const length = lengths?.[key] ?? 0;
    return length > 0 ? `${key} present, ${length} characters` : `${key} missing`;
  });
}
