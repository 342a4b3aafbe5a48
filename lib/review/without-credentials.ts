const credentialName = /(^PG_CONN_STR$|PASSWORD|PASSWD|SECRET|TOKEN|ACCESS_KEY)/i;
/** Shorter ones are in too many other words. */
const shortest = 8;
/** Of a connection string, which Terraform quotes in parts. */
const shortestPart = 4;

/**
 * Terraform's words without the environment's credentials: a connection string that cannot be parsed is quoted, in part
 * or as a whole, and these words go into a pull request's comment.
 */
export function withoutCredentials(text: string, environment: NodeJS.ProcessEnv): string {
  const secrets = Object.entries(environment).flatMap(([name, value = ""]) =>
    credentialName.test(name) && value.length >= shortest ? [value, ...partsOf(name, value)] : [],
  );
  const longestFirst = [...new Set(secrets)]
    .filter((one) => one.length >= shortestPart)
    .sort((one, other) => other.length - one.length);
  const clean = longestFirst.reduce((all, secret) => all.replaceAll(secret, "(hidden)"), text);
  return clean.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'/@]*@/gi, "$1(hidden)@");
}

/** What may be a password in a connection string, or in what somebody took for one. */
function partsOf(name: string, value: string): string[] {
  if (name !== "PG_CONN_STR") return [];
  const between = /^[a-z]+:\/\/[^:]*:(.*)@/is.exec(value)?.[1] ?? "";
  const keyed = /password\s*=\s*(?:'([^']*)'|(.*?))(?=\s+\w+\s*=|$)/i.exec(value);
  const password = between || (keyed?.[1] ?? keyed?.[2] ?? "");
  return [password, ...password.split(/[^\w$!*+~.,;^-]/)];
}
