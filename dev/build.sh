#!/usr/bin/env bash
# Builds the development binary and says what is happening: the first time it compiles a whole Temporal server.
set -euo pipefail
cd "$(dirname "$0")"
go=${GO:-go}

if [ ! -x bin/dev ]; then
  echo "dev: building the development server, which has Temporal and its Web UI inside"
  echo "dev: the first time on a machine this takes about 5 minutes on 2 cores; later builds take seconds"
fi
started=$SECONDS
# With -v the compiler names each package it compiles; every 150th tells that it goes on. Anything that is
# not a package's name is an error or a download, and is shown.
"$go" build -v -ldflags '-s -w' -o bin/dev . 2>&1 | awk '
  /^[^ :#]+$/ { if (++n % 150 == 0) { print "dev: … " n " of about 1700 packages compiled"; fflush() } next }
  /^go: downloading/ { if (++d % 100 == 1) { print "dev: … downloading modules"; fflush() } next }
  { print; fflush() }'
took=$((SECONDS - started))
if [ "$took" -gt 20 ]; then echo "dev: built in ${took} s"; fi
