#!/usr/bin/env bash
# pull-request-files.sh BASE HEAD FOLDER: deploy.json and CI.json as merging HEAD into BASE would leave them, as data in
# FOLDER. Nothing of HEAD is checked out and nothing of it is run.
set -euo pipefail

base=$1 head=$2 folder=$3
limit=1048576

# file_of COMMIT NAME: the blob's bytes; refuses links, submodules and what is too big to be a list of pins.
file_of() {
  local entry
  entry=$(git ls-tree --long "$1" -- "$2")
  [[ $entry =~ ^100(644|755)\ blob\ ([0-9a-f]+)\ +([0-9]+) ]] || {
    echo "$2 is no plain file in $1" >&2
    return 1
  }
  [ "${BASH_REMATCH[3]}" -le "$limit" ] || {
    echo "$2 has ${BASH_REMATCH[3]} bytes in $1; at most $limit are read" >&2
    return 1
  }
  git cat-file blob "${BASH_REMATCH[2]}"
}

ancestor=$(git merge-base "$base" "$head") || {
  echo "the pull request has no history in common with its base" >&2
  exit 1
}
mkdir -p "$folder"
for name in deploy.json CI.json; do
  file_of "$base" "$name" > "$folder/$name"
  file_of "$ancestor" "$name" > "$folder/$name.ancestor"
  file_of "$head" "$name" > "$folder/$name.head"
  git merge-file --quiet "$folder/$name" "$folder/$name.ancestor" "$folder/$name.head" || {
    echo "$name conflicts with the base branch: update the pull request's branch, and it is reviewed again" >&2
    exit 1
  }
  rm "$folder/$name.ancestor" "$folder/$name.head"
done
