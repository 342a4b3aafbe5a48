import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Site } from "../lib/config/site.ts";
import { tempFolder } from "./support.ts";

/** A real certificate, as openssl makes it. */
export function certificate(authority: boolean): string {
  const folder = tempFolder();
  const file = join(folder, "ca.crt");
  const command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test";
  const rest = [
    "-keyout",
    join(folder, "ca.key"),
    "-out",
    file,
    "-addext",
    `basicConstraints=critical,CA:${authority}`,
  ];
  const { status, stderr } = spawnSync("openssl", [...command.split(" "), ...rest], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return readFileSync(file, "utf8");
}

/** The site with a cluster and a Compose project on d601. */
export function withCluster(site: Site): Site {
  const kubernetes = { kubectl: "k3s kubectl", apiPort: 6443, caCertificate: certificate(true) };
  const compose = { project: "d601", root: "/srv", file: "docker-compose.yml", envFile: "/srv/compose.env" };
  return { ...site, hosts: { ...site.hosts, d601: { ...site.hosts.d601, compose, kubernetes } } };
}
