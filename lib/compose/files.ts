/**
 * Shell functions about the files of a Compose project. FILES are one a line; what is no absolute path is relative to ROOT.
 *
 * project_compose SECONDS PROJECT ROOT FILES ENV_FILE ARGUMENT...: docker compose in a clean environment, because shell
 * variables beat the env file; with the assignments of compose_env in it.
 *
 * forgotten_files LABEL ROOT FILES OWN: those files that a container was made from, by Compose's own label, and that FILES
 * do not name, so that a recreate would leave out what they say. Our override with labels, below OWN, is none of them.
 */
export const composeFilesFunctions = String.raw`
compose_env=
project_compose() {
  local seconds=$1 project=$2 root=$3 files=$4 env_file=$5 file
  shift 5
  set -- --env-file "$env_file" "$@"
  while IFS= read -r file; do
    case $file in /*) ;; *) file=$root/$file ;; esac
    set -- -f "$file" "$@"
  done <<< "$(tac <<< "$files")"
  (cd "$root" && exec env -i PATH="$PATH" HOME="$HOME" $compose_env timeout -k 10 "$seconds" docker compose --project-name "$project" --project-directory "$root" "$@")
}
real_files() {
  local file
  while IFS= read -r file; do
    case $file in '') ;; /*) readlink -m -- "$file" ;; *) readlink -m -- "$1/$file" ;; esac
  done
}
forgotten_files() {
  local named
  named=$(real_files "$2" <<< "$3")
  tr ',' '\n' <<< "$1" | awk -v own="$4/" 'index($0, own) != 1 || !/\/labels\.yml$/' | real_files "$2" | grep -vxF -e "$named"
  return 0
}
`;
