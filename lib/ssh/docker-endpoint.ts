import type { Connection } from "../config/hosts.ts";
import { controlPath, sshOptions } from "./options.ts";

/** How a Docker client on the runner reaches a host's Docker; plain data without a secret. */
export interface DockerEndpoint {
  /** `ssh://user@address:port`, or the local socket. */
  readonly host: string;
  /** Options for every ssh that the client starts. */
  readonly sshOptions: readonly string[];
}

/** The host's Docker through OpenSSH with the pinned keys only; it joins the shared connection where there is one. */
export function dockerEndpoint(host: Connection): DockerEndpoint {
  if (host.kind === "local") return { host: "unix:///var/run/docker.sock", sshOptions: [] };
  const address = host.address.includes(":") ? `[${host.address}]` : host.address;
  return {
    host: `ssh://${host.user}@${address}:${host.port}`,
    sshOptions: [...sshOptions(host), "-o", "ControlMaster=no", "-o", `ControlPath=${controlPath(host)}`],
  };
}
