import { inject } from "vitest";

// Each worker has a lab to itself, so no two test files share hosts.
Object.assign(process.env, inject("labs")[Number(process.env.VITEST_POOL_ID) - 1]);
