#!/usr/bin/env bash
# apply-reviewed.sh COMMIT BRANCH [FINGERPRINT]: applies exactly what was reviewed. Without a fingerprint it is the one of
# the merged pull request's review. The fingerprint alone crosses: the plan is made anew, and refused where it differs.
set -euo pipefail

scripts=$(dirname "$0")
commit=$1 branch=$2 fingerprint=${3:-}
[ -n "$fingerprint" ] || fingerprint=$("$scripts/reviewed-fingerprint.sh" "$commit" "$branch")
[[ $fingerprint =~ ^[0-9a-f]{8,128}$ ]] || {
  echo "nothing was applied: $fingerprint is no fingerprint; allowed: hex digits, as a review ends with them" >&2
  exit 1
}
: "${UNIDESK_SSH_KEY:?nothing was applied: the deploy key is missing}"
unset UNIDESK_TOKEN

# Where the platform knows no concurrency groups, this keeps the applies of one runner apart.
lock=${XDG_CACHE_HOME:-$HOME/.cache}/unidesk/apply.lock
mkdir -p "${lock%/*}"
exec 9>> "$lock"
flock -w 3600 9 || {
  echo "nothing was applied: another apply on this runner is not done after an hour" >&2
  exit 1
}

code=0
# A deployment in the middle is put back within 150 s of the signal; then Terraform writes its state.
NO_COLOR=1 timeout --signal=INT --kill-after=300 3300 \
  "$scripts/with-key.sh" npx unidesk apply --reviewed "$fingerprint" 2>&1 9>&- | "$scripts/plain-log.sh" 9>&- || code=$?
for receipt in .unidesk/receipts/*.md; do
  [ ! -f "$receipt" ] || cat "$receipt" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
done
exit "$code"
