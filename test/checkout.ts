import { fileURLToPath } from "node:url";

/** The checkout that is tested. */
export const checkout = fileURLToPath(new URL("..", import.meta.url));
