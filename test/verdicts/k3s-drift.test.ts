import { describe, expect, test } from "vitest";
import { clusterImage } from "../../lib/kubernetes/target.ts";
import { containerdDrift, namespaceDrift, rolloutDrift } from "../../lib/verdicts/k3s-drift.ts";
import { commitA, commitB, digestA, digestB } from "../support.ts";
import { deployment, healthOf, observed, pod, target, wanted } from "./k3s-support.ts";

const older = clusterImage(5000, "frontend", commitB);
const short = (commit: string) => commit.slice(0, 7);

test("what is as declared, or was not looked at, is no drift", () => {
  for (const seen of [observed(), observed({}, { cluster: undefined, images: undefined })]) {
    expect(namespaceDrift("unidesk-dev", seen)).toBeUndefined();
    expect(containerdDrift(wanted, seen)).toBeUndefined();
    expect(rolloutDrift(wanted, target, seen)).toBeUndefined();
  }
});

test("a missing namespace is named, and one that is being deleted is as good as missing", () => {
  const seen = observed({}, { cluster: { namespace: false, workloads: {} } });
  expect(namespaceDrift("unidesk-dev", seen)).toBe("namespace unidesk-dev missing");
  const ending = observed({}, { cluster: { namespace: true, namespaceEnding: true, workloads: {} } });
  expect(namespaceDrift("unidesk-dev", ending)).toBe("namespace unidesk-dev is being deleted");
});

test("pods are not blamed where nobody knows which image was delivered", () => {
  // The node names an image by its configuration; containerd gave no answer, or has lost the commit's name.
  const byConfiguration = { pods: [pod({ imageId: digestB })] };
  const running = observed(byConfiguration);
  for (const images of [undefined, {}]) {
    for (const pinned of [wanted, { ...wanted, digest: digestA }]) {
      expect(rolloutDrift(pinned, target, { ...running, images })).toBeUndefined();
      const silent = observed({ ...byConfiguration, health: { ...healthOf(commitA), status: 500 } }, { images });
      expect(rolloutDrift(pinned, target, silent)).toBe("not healthy");
    }
  }
  // What it says by its digest is known all the same.
  const other = observed({ pods: [pod({ imageId: `127.0.0.1:5000/unidesk/frontend@${digestB}` })] }, { images: {} });
  expect(rolloutDrift({ ...wanted, digest: digestA }, target, other)).toBe("pods run another image of the same commit");
});

describe("the image has drifted", () => {
  const record = { digest: digestA, imageId: digestB } as never;
  const name = `frontend:${short(commitA)}`;
  test.each([
    ["missing", {}, `image ${name} missing in containerd`],
    ["without a record", { [commitA]: { digest: digestA, record: undefined } }, `image ${name} has no delivery record`],
    ["moved", { [commitA]: { digest: digestB, record } }, `image ${name} is not the delivered one`],
  ])("where it is %s", (_, images, drift) => {
    expect(containerdDrift(wanted, observed({}, { images }))).toBe(drift);
  });

  test("where the pin says another digest", () => {
    expect(containerdDrift({ ...wanted, digest: digestB }, observed())).toBe(
      `image ${name} was delivered by another digest`,
    );
  });
});

describe("the rollout has drifted", () => {
  test.each([
    ["no Deployment", { deployment: undefined }, "Deployment missing"],
    [
      "another selector",
      { deployment: deployment({ selector: ["app=frontend-dev", "tier=web"] }) },
      "Deployment selects by app=frontend-dev, tier=web and not by app=frontend-dev",
    ],
    ["no Service", { service: undefined }, "Service missing"],
    [
      "another commit",
      { deployment: deployment({ image: older }) },
      `live commit ${short(commitB)}, pinned ${short(commitA)}`,
    ],
    [
      "a scale to 0",
      { deployment: deployment({ replicas: 0, total: 0, updated: 0, available: 0 }), pods: [] },
      "scaled to 0",
    ],
    ["a pause", { deployment: deployment({ paused: true }) }, "rollouts paused"],
    [
      "a pod without its image",
      { pods: [pod({ phase: "Pending", waiting: "ErrImageNeverPull", ready: false, imageId: "" })] },
      "not healthy",
    ],
    ["an older pod", { pods: [pod(), pod({ image: older })] }, "pods not on the commit"],
    [
      "another digest",
      { pods: [pod({ imageId: `x@sha256:${"c".repeat(64)}` })] },
      "pods run another image of the same commit",
    ],
    ["another request", { pods: [pod({ requestedCommit: commitB })] }, "pods were asked for another commit"],
    ["another answer", { pods: [pod({ health: healthOf(commitB) })] }, "health says another deploy.commit"],
    ["another answer of the Service", { health: healthOf(commitB) }, "health says another deploy.commit"],
    ["no answer", { pods: [pod({ health: { status: 0, body: "", where: "" } })] }, "not healthy"],
    ["no pod", { pods: [] }, "not healthy"],
  ])("where there is %s", (_, changes, drift) => {
    expect(rolloutDrift(wanted, target, observed(changes))).toBe(drift);
  });

  test("but a pod that is on its way out is none: it comes and goes by itself", () => {
    expect(
      rolloutDrift(wanted, target, observed({ pods: [pod(), pod({ image: older, ending: true })] })),
    ).toBeUndefined();
  });

  test("in one of several workloads: it is named", () => {
    const both = { ...target, workloads: [...target.workloads, { name: "worker-dev", port: 8080 }] };
    const seen = observed();
    const workload = seen.cluster?.workloads["frontend-dev"];
    if (!workload) throw new Error("no workload");
    const workloads = {
      "frontend-dev": workload,
      "worker-dev": {
        ...workload,
        deployment: deployment({ selector: ["app=worker-dev"] }),
        pods: [pod({ image: older })],
      },
    };
    expect(rolloutDrift(wanted, both, { ...seen, cluster: { namespace: true, workloads } })).toBe(
      "worker-dev pods not on the commit",
    );
  });
});
