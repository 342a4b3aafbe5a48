#!/bin/sh
# Puts the Compose file into the UniDesk root.
set -eu
install -d -o ubuntu -g ubuntu /home/ubuntu/unidesk
install -m 0644 -o ubuntu -g ubuntu docker-compose.yml /home/ubuntu/unidesk/docker-compose.yml
