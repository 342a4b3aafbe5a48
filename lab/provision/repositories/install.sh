#!/bin/sh
# Makes or updates the bare repositories from the bundles beside this script.
set -eu
install -d -o ubuntu -g ubuntu /home/ubuntu/git
for bundle in "$PWD"/*.bundle; do
  repository=/home/ubuntu/git/$(basename "$bundle" .bundle).git
  runuser -u ubuntu -- git init --quiet --bare --initial-branch=master "$repository"
  runuser -u ubuntu -- git -C "$repository" fetch --quiet --prune "$bundle" '+refs/heads/*:refs/heads/*'
done
