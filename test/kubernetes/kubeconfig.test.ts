import { expect, test } from "vitest";
import { authTargetFunctions } from "../../lib/kubernetes/auth-target.ts";
import { kubeconfigOption } from "../../lib/kubernetes/kubeconfig.ts";
import { clusterLookScript } from "../../lib/kubernetes/look.ts";
import { otherUsesScript } from "../../lib/prune/others.ts";
import { k3sLookScript, k3sRetireScript } from "../../lib/retire/k3s-scripts.ts";

// What goes through `kubeScript` is in rollout.test.ts.
test.each(Object.entries({ clusterLookScript, authTargetFunctions, k3sLookScript, k3sRetireScript, otherUsesScript }))(
  "every kubectl of %s is of the pinned cluster",
  (_, script) => {
    const lines = script.split("\n");
    const calls = lines.filter(
      (line) => /\$(kubectl|kubectl_words|2) (-|proxy|"\$@")/.test(line) && !line.includes("refuse"),
    );
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) expect(call).toContain(` ${kubeconfigOption} `);
  },
);
