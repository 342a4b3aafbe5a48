/** `npm run bench -- [name…]`: figures side by side in one run, on the lab's hosts. */
import { fileURLToPath } from "node:url";
import { up } from "../lab/index.ts";
import { loadSite, overridesOf } from "../lib/config/site.ts";
import { benchDelivery } from "./delivery.ts";
import { benchObserve } from "./observe.ts";
import { benchReview } from "./review.ts";

const benches = { observe: benchObserve, delivery: benchDelivery, review: benchReview };

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`unknown bench ${unknown.join(", ")}; allowed: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
await up();
const site = loadSite(fileURLToPath(new URL("..", import.meta.url)), overridesOf(process.env));
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`\n${name}`);
  await bench({ site, say: (line) => console.log(`  ${line}`) });
}
