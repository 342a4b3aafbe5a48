import { expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { composeSaidFunction } from "../../lib/compose/said.ts";

const secret = "s3cr3t";

/** What the Compose of a real host says about a project with that env file, and what is left of it. */
async function said(envFile: string, serviceEnvFile = ""): Promise<{ readonly all: string; readonly left: string }> {
  const script = `
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '%s' "$1" > compose.env
printf '%s' "$2" > service.env
printf 'services:\\n  one:\\n    image: unidesk-no-such-image\\n    env_file: [service.env]\\n' > docker-compose.yml
up() { docker compose --project-name unidesk-said --env-file compose.env up --no-start --no-build --pull never one 2>&1; }
${composeSaidFunction}
if [ "$3" = left ]; then up | compose_said; else up; fi
docker compose --project-name unidesk-said -f /dev/stdin down <<< 'services: {}' >/dev/null 2>&1 || true`;
  const run = (what: string) =>
    labExec("main-server", ["bash", "-c", script, "said", envFile, serviceEnvFile, what], { user: "ubuntu" });
  return { all: await run("all"), left: await run("left") };
}

const cut = "... (cut here: what follows may be a secret)";

test.each([
  ["an open quote", [`A=1\nB="${secret}\n`], `line 3: unterminated quoted value ${cut}`],
  ["a broken key", [`KEY/A=${secret}\n`], `line 1: unexpected character "/" in variable name ${cut}`],
  ["a template", [`A=$\{${secret}\n`], `compose.env: Invalid template ${cut}`],
  ["an error of its own", [`A=$\{V:?${secret}}\n`], `required variable V is missing a value ${cut}`],
  ["a dollar sign", [`A=pa$${secret}\n`], "The variable ... is not set"],
  ["a service's open quote", ["A=1\n", `B="${secret}\n`], `unterminated quoted value ${cut}`],
  ["a service's broken key", ["A=1\n", `A/B=${secret}\n`], `in variable name ${cut}`],
] as const)("Compose quotes %s, and nothing of it is left", async (_, [envFile, serviceEnvFile], expected) => {
  const { all, left } = await said(envFile, serviceEnvFile);
  expect(all, "or this tests nothing").toContain(secret);
  expect(left).toContain(expected);
  expect(left).not.toContain(secret);
});
