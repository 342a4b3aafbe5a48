#!/bin/sh
# Lets the lab's client key log in as ubuntu.
set -eu
install -d -m 0700 -o ubuntu -g ubuntu /home/ubuntu/.ssh
install -m 0600 -o ubuntu -g ubuntu authorized_keys /home/ubuntu/.ssh/authorized_keys
