import { describe, expect, test } from "vitest";
import { clusterImage } from "../../lib/kubernetes/target.ts";
import type { ObservedK3s } from "../../lib/observe/k3s.ts";
import {
  isOnlyEnding,
  isRolledOut,
  judgeK3s,
  mayStillCome,
  Patience,
  stillEnding,
} from "../../lib/verdicts/k3s-live.ts";
import { commitA, commitB, digestA, digestB } from "../support.ts";
import { deployment, healthOf, observed, pod, target, wanted } from "./k3s-support.ts";

const older = clusterImage(5000, "frontend", commitB);
const otherDigest = `sha256:${"c".repeat(64)}`;

test("passes where every pod runs the delivered image, was told the commit, and says so", () => {
  expect(judgeK3s(wanted, target, observed()).reasons).toEqual([]);
  // A node may name an image by its configuration.
  expect(judgeK3s(wanted, target, observed({ pods: [pod({ imageId: digestB })] })).ok).toBe(true);
  // One that has ended was replaced.
  expect(judgeK3s(wanted, target, observed({ pods: [pod(), pod({ phase: "Failed", image: older })] })).ok).toBe(true);
});

const withoutImage = pod({ phase: "Pending", waiting: "ErrImageNeverPull", ready: false });

interface Red {
  readonly what: string;
  readonly seen: ObservedK3s;
  /** Whether waiting may help. */
  readonly waits: boolean;
}

const red: Readonly<Record<string, Red>> = {
  "there is no Deployment": { what: "Deployment", seen: observed({ deployment: undefined }), waits: false },
  "the Deployment names another image": {
    what: "Deployment image",
    seen: observed({ deployment: deployment({ image: older }) }),
    waits: false,
  },
  "the Deployment asks for another commit": {
    what: "Deployment environment UNIDESK_DEPLOY_REQUESTED_COMMIT",
    seen: observed({ deployment: deployment({ requestedCommit: commitB }) }),
    waits: false,
  },
  "the Deployment is paused": {
    what: "Deployment pause",
    seen: observed({ deployment: deployment({ paused: true }) }),
    waits: false,
  },
  "no replica is wanted": {
    what: "Deployment replicas",
    seen: observed({ deployment: deployment({ replicas: 0, total: 0, updated: 0, available: 0 }), pods: [] }),
    waits: false,
  },
  "the rollout has not begun": {
    what: "rollout",
    seen: observed({ deployment: deployment({ generation: 3 }) }),
    waits: true,
  },
  "Kubernetes may make no pods": {
    what: "new pods",
    seen: observed({ deployment: deployment({ refused: "exceeded quota", total: 0, updated: 0, available: 0 }) }),
    waits: true,
  },
  "there are no pods": { what: "pods", seen: observed({ pods: [] }), waits: true },
  "there are too few pods": {
    what: "pods",
    seen: observed({ deployment: deployment({ replicas: 2 }) }),
    waits: true,
  },
  "a pod of an old revision still answers": {
    what: "pod image",
    seen: observed({ pods: [pod(), pod({ name: "old", image: older, health: healthOf(commitB) })] }),
    waits: true,
  },
  "a pod is still ending": {
    what: "ending pod",
    seen: observed({ pods: [pod(), pod({ name: "old", image: older, ending: true })] }),
    waits: true,
  },
  "a pod runs another digest": {
    what: "pod image digest",
    seen: observed({ pods: [pod({ imageId: `127.0.0.1:5000/unidesk/frontend@${otherDigest}` })] }),
    waits: false,
  },
  "a pod was asked for another commit": {
    what: "pod environment UNIDESK_DEPLOY_REQUESTED_COMMIT",
    seen: observed({ pods: [pod({ requestedCommit: commitB })] }),
    waits: false,
  },
  "a pod has not started": {
    what: "pod state",
    seen: observed({ pods: [pod({ phase: "Pending", waiting: "ContainerCreating", ready: false })] }),
    waits: true,
  },
  "a pod's image is missing": {
    what: "pod failure",
    seen: observed({ pods: [withoutImage] }, { images: {} }),
    waits: false,
  },
  "a pod's node does not know yet that its image is there": {
    what: "pod image on its node",
    seen: observed({ pods: [withoutImage] }),
    waits: true,
  },
  "a pod has crashed a few times": {
    what: "pod state",
    seen: observed({ pods: [pod({ waiting: "CrashLoopBackOff", restarts: 2, ready: false })] }),
    waits: true,
  },
  "a pod crashes again and again": {
    what: "pod failure",
    seen: observed({ pods: [pod({ waiting: "CrashLoopBackOff", restarts: 3, ready: false })] }),
    waits: false,
  },
  "a pod is not ready": { what: "pod readiness", seen: observed({ pods: [pod({ ready: false })] }), waits: true },
  "a pod's health is bad": {
    what: "health status",
    seen: observed({ pods: [pod({ health: { status: 503, body: "", where: "" } })] }),
    waits: true,
  },
  "a pod says another commit": {
    what: "deploy.commit",
    seen: observed({ pods: [pod({ health: healthOf(commitB) })] }),
    waits: false,
  },
  "there is no Service": { what: "Service", seen: observed({ service: undefined }), waits: false },
  "the Service has no endpoint": {
    what: "Service endpoints",
    seen: observed({ service: { version: "1", ports: [8080], readyEndpoints: 0 } }),
    waits: true,
  },
  "the Service answers for another commit": {
    what: "Service deploy.commit",
    seen: observed({ health: healthOf(commitB) }),
    waits: true,
  },
  "the image was not delivered": { what: "delivered image", seen: observed({}, { images: {} }), waits: false },
  "the API gave no answer": { what: "cluster", seen: observed({}, { cluster: undefined }), waits: true },
};

describe("fails if", () => {
  test.each(Object.entries(red))("%s", (_, { what, seen, waits }) => {
    const verdict = judgeK3s(wanted, target, seen);
    expect(verdict.reasons.map((reason) => reason.what)).toContain(what);
    expect(mayStillCome(verdict)).toBe(waits);
  });

  test("the delivered digest is not the pin's", () => {
    const { reasons } = judgeK3s({ ...wanted, digest: digestB }, target, observed());
    expect(reasons).toEqual([
      { what: "delivered digest", expected: digestB, found: digestA, where: "d601 containerd" },
    ]);
  });
});

test("that no pods may be made is waited for while it can be a moment, and not again and again", () => {
  const refused = judgeK3s(wanted, target, observed({ deployment: deployment({ refused: "exceeded quota" }) }));
  const other = judgeK3s(wanted, target, observed({ pods: [pod({ ready: false })] }));
  const patience = new Patience();
  expect([0, 5000, 9999].map((at) => patience.isOver(refused, at))).toEqual([false, false, false]);
  expect(patience.isOver(other, 10_000)).toBe(false);
  expect([11_000, 20_999, 21_000].map((at) => patience.isOver(refused, at))).toEqual([false, false, true]);
  expect(patience.isOver(other, 99_000)).toBe(false);
});

test("a node that does not find the delivered image looks again a few times, and no longer", () => {
  const verdict = judgeK3s(wanted, target, observed({ pods: [withoutImage] }));
  const patience = new Patience();
  expect([0, 19_999, 20_000].map((at) => patience.isOver(verdict, at))).toEqual([false, false, true]);
});

test("an old pod that is about to go explains other answers: they are waited for", () => {
  const seen = observed({
    deployment: deployment({ total: 2 }),
    pods: [pod({ health: healthOf(commitB) }), pod({ name: "old", image: older })],
  });
  expect(mayStillCome(judgeK3s(wanted, target, seen))).toBe(true);
});

describe("pods that have not ended yet", () => {
  const pods = [pod(), pod({ name: "old", image: older, ending: true })];
  test("are the only reason where all else is right, and the Service is judged beside them", () => {
    const verdict = judgeK3s(wanted, target, observed({ pods }));
    expect(isOnlyEnding(verdict)).toBe(true);
    expect(stillEnding(verdict)).toEqual([
      "warning: d601 unidesk-dev/frontend-dev pod old is still ending; nothing waits for it any longer",
    ]);
    const other = judgeK3s(wanted, target, observed({ pods, health: healthOf(commitB) }));
    expect(isOnlyEnding(other)).toBe(false);
    expect(other.reasons.map(({ what }) => what)).toContain("Service deploy.commit");
  });

  test("are no excuse for anything else, and none where there are none", () => {
    expect(isOnlyEnding(judgeK3s(wanted, target, observed({ pods: [pod({ ready: false }), ...pods.slice(1)] })))).toBe(
      false,
    );
    expect(isOnlyEnding(judgeK3s(wanted, target, observed()))).toBe(false);
  });
});

test("a workload is rolled out when no pod is to come or to go", () => {
  const workload = (changes = {}) => {
    const found = observed(changes).cluster?.workloads["frontend-dev"];
    if (!found) throw new Error("no workload");
    return found;
  };
  expect(isRolledOut(workload())).toBe(true);
  expect(isRolledOut(workload({ deployment: undefined }))).toBe(false);
  expect(isRolledOut(workload({ deployment: deployment({ total: 2 }) }))).toBe(false);
  expect(isRolledOut(workload({ deployment: deployment({ observedGeneration: 1 }) }))).toBe(false);
  // It may take hours to end, and nothing comes after it.
  expect(isRolledOut(workload({ pods: [pod(), pod({ ending: true })] }))).toBe(true);
});

test("the reason of a pod names the pod and both commits", () => {
  const { reasons } = judgeK3s(wanted, target, observed({ pods: [pod({ requestedCommit: commitB })] }));
  expect(reasons).toEqual([
    {
      what: "pod environment UNIDESK_DEPLOY_REQUESTED_COMMIT",
      expected: commitA,
      found: commitB,
      where: "d601 unidesk-dev/frontend-dev pod frontend-dev-1",
    },
  ]);
});
