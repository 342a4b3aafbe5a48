import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { targetLayersScript } from "../delivery/missing-layers.ts";
import { historyScript } from "../history/read.ts";
import { containerdStoreScript } from "../kubernetes/containerd-pull.ts";
import { lookScript } from "../observe/host.ts";
import { knownOf } from "../observe/subjects.ts";
import { registryGetScript } from "../registry/observing.ts";
import { newestScript } from "../source/newest.ts";
import { sourcePlaces } from "../source/read.ts";
import { sourceScript } from "../source/script.ts";

/**
 * Every script that a review or `pin show` runs on a host, under the words that people call it by. Each reads alone and checks its
 * arguments itself, because whoever has an observing key chooses them: no path, format or option comes from outside.
 */
export function observerScripts(site: Site, name: HostName): ReadonlyMap<string, string> {
  const host = site.connections[name];
  const scripts = new Map([
    ["containers, pods, env file keys and receipts", lookScript(host, knownOf(site, name))],
    ["history of deployments", historyScript(host)],
    ["layers that Docker has", targetLayersScript],
  ]);
  if (name !== "d601") return scripts;
  scripts.set("manifests and configurations of the registry", registryGetScript(site.registry.port));
  scripts.set("commits of the source repositories", sourceScript(sourcePlaces(site)));
  scripts.set("newest published commits of the release lines", newestScript(sourcePlaces(site)));
  if (site.hosts.d601.kubernetes) scripts.set("content that containerd has", containerdStoreScript);
  return scripts;
}
