import { deployKeySuffixes } from "../catalog/index.ts";
import { hostSecretFunctions } from "../host-secret.ts";

/**
 * Shell functions about the resolved configuration of a Compose service: what a recreate would start.
 * Our own deploy keys are left out, because they change with every deployment. They need `composeFilesFunctions`.
 *
 * The fingerprint is keyed with a secret of the host's own, so that it tells nobody who sees it what the
 * environment holds; comparing is done on the host. (`docker compose config --hash` does not match the
 * label of services with env_file or depends_on.)
 */
export const resolvedConfigFunctions = String.raw`${hostSecretFunctions}# resolved_project PROJECT ROOT FILES ENV_FILE: the whole project as canonical YAML
resolved_project() {
  local compose_env
  compose_env=$(sed -n 's/^[ \t]*\(export[ \t]\{1,\}\)\{0,1\}\(UNIDESK_[A-Z0-9_]*_DEPLOY_${deployKeySuffixes.replaceAll(/[(|)]/g, "\\$&")}\)[ \t]*[=:].*/\2=-/p' "$4" | sort -u)
  project_compose 20 "$1" "$2" "$3" "$4" --profile '*' config 2>/dev/null </dev/null
}
# service_section SERVICE, with the resolved project on standard input: its lines
service_section() {
  awk -v name="  $1:" '
    /^services:$/ { inside = 1; next }
    /^[^ ]/ { inside = 0; on = 0 }
    inside && /^  [^ ]/ { on = ($0 == name) }
    on && !/^ *(- )?UNIDESK_([A-Z0-9_]+_)?DEPLOY_${deployKeySuffixes}[:=]/ { print }
  '
}
# service_fingerprint SERVICE, with the resolved project on standard input
service_fingerprint() {
  local section
  section=$(service_section "$1")
  [ -n "$section" ] || return 1
  { host_secret; printf '%s' "$section"; host_secret; } | sha256sum | cut -d' ' -f1
}
`;

/** Where the fingerprint of the configuration that a container was created with lies. */
export function fingerprintPath(home: string, project: string, service: string): string {
  return `${home}/.unidesk/resolved/${project}/${service}`;
}
