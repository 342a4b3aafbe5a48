// What tests and other commands may use of the lab.
export { labCommits, unpushedCommit } from "./commits.ts";
export {
  cutNetwork,
  freezeHost,
  labExec,
  mendNetwork,
  powerCut,
  rebootHost,
  startHost,
  stopHost,
  thawHost,
} from "./control.ts";
export { LabError } from "./errors.ts";
export { hostsFile, type LabHostsFile, labHosts } from "./hosts-file.ts";
export { approverFile, type HostName, hostNames, identityFile } from "./settings.ts";
export { type HostStatus, type LabStatus, labStatus } from "./status.ts";
export { up } from "./up.ts";
