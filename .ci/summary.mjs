// Prints "N passed, N failed" from vitest's JSON reports. A skipped test counts as failed: it proved nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [status = "1", folder = ""] = process.argv.slice(2);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
let passed = 0;
let failed = 0;
for (const name of files) {
  const report = JSON.parse(readFileSync(join(folder, name), "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests + report.numPendingTests + report.numTodoTests;
}
// Lint, types, a file that cannot be loaded, or no run at all: something failed that is no test of its own.
if (failed === 0 && (status !== "0" || passed === 0)) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
