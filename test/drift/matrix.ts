import type { HostName } from "../../lab/index.ts";
import { labCommits } from "../../lab/index.ts";
import { d601Stack, devStack, home, mainServerStack, registry, registryPaths, registryStack } from "../lab-support.ts";

/** One way in which somebody can touch a host behind Terraform's back. */
export interface DriftCase {
  readonly broken: string;
  readonly stack: string;
  readonly host: HostName;
  /** Shell script that breaks it, as root. */
  readonly script: string;
  /** Resource whose trigger `repair` says why. */
  readonly resource: string;
  /** The reason in the diff. */
  readonly reason: string;
  /** Shell script that puts back what the breaking took away, after the apply, as root. @default - nothing to put back */
  readonly after?: string;
  /** What the apply does about it, in words for docs/drift.md. */
  readonly does: string;
}

const unit = `${registry.name}.service`;
const older = labCommits.unidesk.first;
const pinned = labCommits.unidesk.second;
const envFile = `${home}/unidesk/.state/compose.env`;
const receipts = `${home}/.unidesk/receipts`;

/** Lets the registry run from a changed compose.yml, then puts the file back: only what runs differs. */
function runsFrom(change: string): string {
  const file = registryPaths.compose;
  return `cp -p ${file} /root/compose.bak; ${change}; systemctl restart ${unit}; ${waitForContainer}; cat /root/compose.bak > ${file}; touch -r /root/compose.bak ${file}; rm /root/compose.bak`;
}
const waitForContainer = `for try in $(seq 1 40); do curl -sf -o /dev/null http://127.0.0.1:${registry.port}/v2/ && break; sleep 0.5; done`;
const kubectl = "k3s kubectl -n unidesk-dev";
const containerd = "ctr -a /run/k3s/containerd/containerd.sock -n k8s.io images";
const clusterImage = `${registry.address}:${registry.port}/unidesk/mdtodo`;
const stuck = `for try in $(seq 1 60); do ${kubectl} get pods -l app=mdtodo-dev | grep -q ErrImageNeverPull && break; sleep 0.5; done`;
const dropIn = `/etc/systemd/system/${unit}.d/override.conf`;
const wipe = `systemctl disable --now ${unit}; docker rm -f ${registry.name} >/dev/null 2>&1 || true; rm -rf ${registryPaths.unit} ${registryPaths.folder} ${receipts}/${registryStack}; systemctl daemon-reload`;
const editConfig = `echo '# by hand' >> ${registryPaths.config}`;

const onRegistry = { stack: registryStack, host: "d601" } as const;
const onD601 = { stack: d601Stack, host: "d601", resource: "findjob-deployment" } as const;
const onCluster = { stack: devStack, host: "d601", resource: "mdtodo-rollout" } as const;
const onService = { stack: mainServerStack, host: "main-server", resource: "frontend-deployment" } as const;

export const driftMatrix: readonly DriftCase[] = [
  {
    ...onRegistry,
    broken: "`config.yml` edited by hand",
    script: editConfig,
    resource: "registry-config",
    reason: "config.yml edited",
    does: "writes the declared file, restarts the registry",
  },
  {
    ...onRegistry,
    broken: "`config.yml` edited again, in the same way",
    script: editConfig,
    resource: "registry-config",
    reason: "config.yml edited",
    does: "the same again: the generation in front of the reason is another one",
  },
  {
    ...onRegistry,
    broken: "unit stopped",
    script: `systemctl stop ${unit}`,
    resource: "registry-service",
    reason: "unit inactive",
    does: "starts it and waits for the API",
  },
  {
    ...onRegistry,
    broken: "unit disabled, still running",
    script: `systemctl disable ${unit}`,
    resource: "registry-service",
    reason: "unit disabled",
    does: "enables it; the registry is not restarted",
  },
  {
    ...onRegistry,
    broken: "unit file edited",
    script: `echo '# by hand' >> ${registryPaths.unit}`,
    resource: "registry-unit",
    reason: `${unit} edited`,
    does: "writes the declared file, reloads systemd, restarts",
  },
  {
    ...onRegistry,
    broken: "`compose.yml` written and not started from",
    script: `touch ${registryPaths.compose}`,
    resource: "registry-service",
    reason: "runs with older files",
    does: "restarts the registry",
  },
  {
    ...onRegistry,
    broken: "a drop-in added to the unit",
    script: `mkdir -p $(dirname ${dropIn}); printf '[Service]\\nNice=1\\n' > ${dropIn}; systemctl daemon-reload`,
    resource: "registry-service",
    reason: `unit has drop-ins ${dropIn}`,
    does: "sets it aside as `override.conf.set-aside`, restarts the registry",
    after: `rm -r $(dirname ${dropIn})`,
  },
  {
    ...onRegistry,
    broken: "`compose.yml` deleted",
    script: `rm ${registryPaths.compose}`,
    resource: "registry-compose",
    reason: "compose.yml missing",
    does: "writes it, restarts the registry",
  },
  {
    ...onRegistry,
    broken: "registry runs another image",
    script: `docker tag ${registry.image} registry:other; ${runsFrom(`sed -i 's/${registry.image}/registry:other/' ${registryPaths.compose}`)}`,
    resource: "registry-service",
    reason: `image registry:other, declared ${registry.image}`,
    does: "restarts the registry from the declared files",
  },
  {
    ...onRegistry,
    broken: "registry published on a second, open port",
    script: runsFrom(
      `sed -i 's/^    ports:/    ports:\\n      - { target: 5000, published: "5001", host_ip: 0.0.0.0, protocol: tcp }/' ${registryPaths.compose}`,
    ),
    resource: "registry-service",
    reason: "published beyond its loopback port",
    does: "restarts the registry, on loopback only",
  },
  {
    ...onRegistry,
    broken: "registry container paused",
    script: `docker pause ${registry.name}`,
    resource: "registry-service",
    reason: "API does not answer",
    does: "restarts the registry",
  },
  {
    ...onRegistry,
    broken: "storage folder moved away under the running registry",
    script: `mv ${registryPaths.storage} /root/storage`,
    resource: "registry-service",
    reason: "storage folder missing",
    does: "makes an empty one, restarts the registry, and says so",
    after: `systemctl stop ${unit}; rm -r ${registryPaths.storage}; mv /root/storage ${registryPaths.storage}; systemctl start ${unit}; ${waitForContainer}`,
  },
  {
    ...onRegistry,
    broken: "the whole installation wiped, receipts included",
    script: wipe,
    resource: "registry-unit",
    reason: `${unit} missing`,
    does: "installs it anew; storage was never touched",
  },
  {
    ...onRegistry,
    broken: "wiped a second time",
    script: wipe,
    resource: "registry-unit",
    reason: `${unit} missing`,
    does: "the same again: the time in front of the reason is another one",
  },
  {
    ...onService,
    broken: "service container stopped",
    script: "docker stop -t 1 unidesk-frontend",
    reason: "container exited",
    does: "recreates this one service and verifies it",
  },
  {
    ...onService,
    broken: "service container removed",
    script: "docker rm -f unidesk-frontend",
    reason: "container missing",
    does: "recreates it and verifies it",
  },
  {
    ...onService,
    broken: "service container paused",
    script: "docker pause unidesk-frontend",
    reason: "container paused",
    does: "recreates it and verifies it",
  },
  {
    ...onService,
    broken: "service cut off from its network",
    script: "docker network disconnect unidesk unidesk-frontend",
    reason: "not healthy",
    does: "gives it ten seconds, then recreates it and verifies it",
  },
  {
    ...onService,
    broken: "container stopped, its image removed by force",
    script: `docker stop -t 1 unidesk-frontend; docker rmi -f unidesk-frontend unidesk-frontend:${pinned}`,
    reason: `live commit unknown, pinned ${pinned.slice(0, 7)}`,
    does: "delivers the image again by digest, recreates, verifies",
  },
  {
    ...onService,
    broken: "container replaced by another commit's image",
    script: `docker tag unidesk-frontend:${older} unidesk-frontend; cd ${home}/unidesk; docker compose -p unidesk --env-file ${envFile} up -d --no-deps --pull never --force-recreate frontend`,
    reason: `live commit ${older.slice(0, 7)}, pinned ${pinned.slice(0, 7)}`,
    does: "moves the stable tag back, recreates, verifies",
  },
  {
    ...onService,
    broken: "our deploy keys in the env file changed",
    script: `sed -i 's/^UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT=.*/UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT=by-hand/' ${envFile}`,
    reason: "env file key UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT changed",
    does: "rewrites these keys; the container, which is right, is not recreated",
  },
  {
    ...onService,
    broken: "stable tag moved to another image",
    script: `docker tag unidesk-frontend:${older} unidesk-frontend`,
    reason: "stable tag moved to another image",
    does: "moves it back; the container is not recreated",
  },
  {
    ...onService,
    broken: "the commit's image untagged on the target",
    script: `docker rmi unidesk-frontend:${pinned}`,
    resource: "frontend-delivery",
    reason: `image unidesk-frontend:${pinned.slice(0, 7)} missing`,
    does: "delivers it again by digest; the container is not recreated",
  },
  {
    ...onService,
    broken: "the commit's tag put on another image",
    script: `docker tag unidesk-frontend:${older} unidesk-frontend:${pinned}`,
    resource: "frontend-delivery",
    reason: `image unidesk-frontend:${pinned.slice(0, 7)} is of another commit`,
    does: "delivers the right one by digest; the container is not recreated",
  },
  {
    ...onD601,
    broken: "D601: a service recreated by hand, without its deploy labels",
    script: `cd ${home}/unidesk; docker compose -p unidesk-d601 --env-file ${envFile} up -d --no-deps --pull never --force-recreate findjob; sleep 2`,
    reason: "deploy labels changed",
    does: "recreates it with its labels and verifies it",
  },
  {
    ...onD601,
    broken: "D601: the commit's image untagged",
    script: `docker rmi findjob:${pinned}`,
    resource: "findjob-delivery",
    reason: `image findjob:${pinned.slice(0, 7)} missing`,
    does: "names the pulled image again; the container is not recreated",
  },
  {
    ...onCluster,
    broken: "k3s: a Deployment scaled to 0",
    script: `${kubectl} scale deployment/mdtodo-dev --replicas=0; ${kubectl} wait --for=delete pod -l app=mdtodo-dev --timeout=60s`,
    reason: "scaled to 0",
    does: "sets the declared replicas, which the diff shows too, and verifies every pod",
  },
  {
    ...onCluster,
    broken: "k3s: a Deployment paused, and its Service opened to the network",
    script: `${kubectl} rollout pause deployment/mdtodo-dev; ${kubectl} patch service/mdtodo-dev -p '{"spec":{"type":"NodePort"}}'`,
    reason: "rollouts paused",
    does: "resumes it and makes the Service a ClusterIP again, which the diff shows too; no pod is replaced",
  },
  {
    ...onCluster,
    broken: "k3s: a Deployment deleted",
    script: `${kubectl} delete deployment/mdtodo-dev --cascade=foreground --timeout=60s`,
    reason: "Deployment missing",
    does: "makes it again and verifies every pod",
  },
  {
    ...onCluster,
    resource: "mdtodo-containerd-image",
    broken: "k3s: the commit's image untagged in containerd",
    script: `${containerd} rm ${clusterImage}:${pinned}`,
    reason: `image mdtodo:${pinned.slice(0, 7)} missing in containerd`,
    does: "names it again; the pods stay",
  },
  {
    ...onCluster,
    resource: "mdtodo-containerd-image",
    broken: "k3s: the commit's tag in containerd put on another digest",
    script: `${containerd} tag --force ${clusterImage}:${older} ${clusterImage}:${pinned}`,
    reason: `image mdtodo:${pinned.slice(0, 7)} is not the delivered one`,
    does: "names the delivered one again; the pods stay",
  },
  {
    ...onCluster,
    broken: "k3s: a pod's image gone when the pod was replaced (ErrImageNeverPull)",
    script: `${containerd} rm ${clusterImage}:${pinned}; ${kubectl} delete pod -l app=mdtodo-dev --timeout=60s; ${stuck}`,
    reason: "not healthy",
    does: "brings the image again by digest, makes new pods and verifies them",
  },
];

/** The table of docs/drift.md. */
export function driftTable(): string {
  const rows = driftMatrix.map(
    ({ broken, resource, reason, does }) => `| ${broken} | \`${resource}\`: \`${reason}\` | ${does} |`,
  );
  return ["| what was broken | what the diff says | what the apply does |", "|---|---|---|", ...rows].join("\n");
}
