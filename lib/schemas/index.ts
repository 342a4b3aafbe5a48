import * as z from "zod";
import { CiFile } from "../config/ci-file.ts";
import { DeployFile } from "../config/deploy-file.ts";
import { DeployPlan } from "../deploy-plan/schema.ts";
import { Receipt } from "../review/receipt.ts";
import { ReviewReport } from "../review/report.ts";
import { enumerateServices } from "./deploy-services.ts";
import type { JsonSchema } from "./json-schema.ts";

interface SchemaSource {
  /** Name below `schemas/`. */
  readonly file: string;
  readonly title: string;
  readonly of: z.ZodType;
  /** `input` for files that people write, `output` for what commands print. @default "input" */
  readonly io?: "input" | "output";
  /** Adds what zod does not know. @default - as zod says it */
  readonly refine?: (schema: JsonSchema) => JsonSchema;
}

/** Everything that has a JSON Schema; one line each. `npm run schemas` writes them. */
export const schemaSources: readonly SchemaSource[] = [
  {
    file: "deploy.schema.json",
    title: "deploy.json: what should run where",
    of: DeployFile,
    refine: enumerateServices,
  },
  { file: "ci.schema.json", title: "CI.json: what is built, and what is mirrored", of: CiFile },
  { file: "deploy-plan.schema.json", title: "npx unidesk deploy plan --json", of: DeployPlan, io: "output" },
  { file: "review.schema.json", title: "npx unidesk review --json", of: ReviewReport, io: "output" },
  { file: "receipt.schema.json", title: "npx unidesk apply --reviewed --json", of: Receipt, io: "output" },
];

/** Draft 7, because that is what every editor knows. */
export function schemaText({ title, of, io = "input", refine = (same) => same }: SchemaSource): string {
  const { $schema, ...schema } = refine(z.toJSONSchema(of, { io, target: "draft-7" }) as JsonSchema);
  return `${JSON.stringify({ $schema, title, ...schema }, null, 2)}\n`;
}
