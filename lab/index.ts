// What tests and other commands may use of the lab.
export { labCommits, unpushedCommit } from "./commits.js";
export { freezeHost, labExec, startHost, stopHost, thawHost } from "./control.js";
export { LabError } from "./errors.js";
export { hostsFile, type LabHostsFile, labHosts } from "./hosts-file.js";
export { type HostName, hostNames } from "./settings.js";
export { type HostStatus, type LabStatus, labStatus } from "./status.js";
export { up } from "./up.js";
