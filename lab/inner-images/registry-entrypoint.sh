#!/bin/sh
# The official image's: a configuration file or a registry subcommand may stand alone.
set -e
case "$1" in
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
