// The app of cdktf.json: the CDKTF CLI runs it in the folder of that file.
import { load } from "./program.js";

/** @type {typeof import("../main.ts")} */
const { main } = await load("main");
await main(process.cwd());
