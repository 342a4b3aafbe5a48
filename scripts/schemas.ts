// Writes schemas/*.json from the zod schemas; a unit test fails where they are not current.
import { mkdirSync, writeFileSync } from "node:fs";
import { schemaSources, schemaText } from "../lib/schemas/index.ts";

const folder = new URL("../schemas/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const source of schemaSources) {
  writeFileSync(new URL(source.file, folder), schemaText(source));
  console.log(`schemas/${source.file}`);
}
