import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as z from "zod";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import type { Policy } from "./policy.ts";

const PolicyShape = z.looseObject({
  name: z.string(),
  describe: z.string().min(1),
  check: z.custom<Policy["check"]>((value) => typeof value === "function", { error: "must be a function" }),
});

/** Every `policies/*.ts` of a checkout, by name. One that cannot be used is an error: it would be missed by nobody. */
export async function loadPolicies(root: string): Promise<Policy[]> {
  const policies: Policy[] = [];
  for (const file of policyFiles(root)) policies.push(await loadPolicy(root, file));
  return policies;
}

function policyFiles(root: string): string[] {
  try {
    return readdirSync(join(root, "policies"))
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
      .sort();
  } catch (error) {
    throw invalid("policies", messageOf(error), "restore the folder from Git; it may be empty");
  }
}

async function loadPolicy(root: string, file: string): Promise<Policy> {
  const path = `policies/${file}`;
  let module: { readonly policy?: unknown };
  try {
    const { tsImport } = await import("tsx/esm/api");
    const url = pathToFileURL(join(root, path)).href;
    module = await tsImport(url, url);
  } catch (error) {
    throw invalid(path, messageOf(error), "mend the file");
  }
  const result = PolicyShape.safeParse(module.policy);
  if (!result.success) {
    throw invalid(path, module.policy === undefined ? "no export named policy" : z.prettifyError(result.error), remedy);
  }
  const name = file.slice(0, -".ts".length);
  if (result.data.name !== name) throw invalid(path, `the name ${JSON.stringify(result.data.name)}`, `name it ${name}`);
  return module.policy as Policy;
}

const remedy = "export const policy: Policy = { name, describe, check(report, settings) { … } }";

function invalid(path: string, found: string, what: string): UserError {
  return new UserError({ what: `${path} is no policy that can run`, found, remedy: what }, exitCodes.usage);
}
