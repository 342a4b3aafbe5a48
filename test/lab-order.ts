import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, longest first: the last one to end should be a short one. */
const long = [
  "drift/drift",
  "stacks/k3s-stack",
  "stacks/main-server-stack",
  "pins/flow",
  "kubernetes/rollout-undo",
  "kubernetes/rollout",
  "review/review",
  "review/apply",
  "deploy-job/faults",
  "automation/pull-request",
];

/** Starts long files first; else as vitest does. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = long.findIndex((name) => moduleId.endsWith(`/${name}.lab.test.ts`));
      return found === -1 ? long.length : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
