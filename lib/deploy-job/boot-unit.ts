import type { Connection } from "../config/hosts.ts";
import { hostPaths } from "../host-paths.ts";

/** Where the unit lies that a reboot brings back to what ran before an undecided deployment. */
export const bootUnitName = "unidesk-restore.service";

/** Ends every leftover deployment of a user at once; each waits for what it needs by itself. */
export const endAllPendingScript = `
for pending in "$1"/*/*/pending; do
  folder=$(dirname "$pending")
  [ ! -f "$pending" ] || bash "$folder/job" restore "$folder" &
done
wait
`;

/** Where `endAllPendingScript` lies on the host. */
export function endAllPendingPath(host: Pick<Connection, "home">): string {
  return `${hostPaths(host).deployJobs}/end-all-pending`;
}

export function bootUnit(host: Pick<Connection, "home" | "user">): string {
  const word = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
  return `[Unit]
Description=UniDesk: undo deployments that a reboot cut off
Wants=docker.service
After=docker.service

[Service]
Type=oneshot
User=${host.user}
ExecStart=/bin/bash ${word(endAllPendingPath(host))} ${word(hostPaths(host).deployJobs)}

[Install]
WantedBy=multi-user.target
`;
}
