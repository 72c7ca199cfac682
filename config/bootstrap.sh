#!/bin/sh
# Makes .venv with exactly the pinned packages of a lock file. Needs: sh, Python >= 3.11, a network.
# usage: config/bootstrap.sh run|dev      Nothing is done where the lock has not changed since.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-run}
case $kind in
  run) lock=requirements.lock ;;
  dev) lock=requirements-dev.lock ;;
  *) echo "usage: config/bootstrap.sh run|dev" >&2; exit 2 ;;
esac
venv=${VENV:-.venv}
stamp=$venv/.installed-$kind
# The command line client, for whoever stands anywhere else; `callwright` alone where .venv/bin is on PATH.
command_line() {
  root=$(pwd)
  fresh="$venv/bin/.callwright.$$"
  printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -m clients.command "$@"\n' \
    "$root" "$(cd "$venv/bin" && pwd)/python" >"$fresh"
  chmod 755 "$fresh"
  mv -f "$fresh" "$venv/bin/callwright"
}

# The part of media workers that is C, where there is a compiler; they do without it, too.
media_loop() {
  "$venv/bin/python" -m calling.media.loop.build || true
}

# A development install has everything of the other one too.
full=$venv/.installed-dev

if cmp -s "$lock" "$stamp" || { [ "$kind" = run ] && [ -f "$full" ] && cmp -s requirements-dev.lock "$full"; }; then
  command_line
  media_loop
  exit 0
fi

good() {
  # A name on PATH may be a shim that does not work: ask it.
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if ! good "$venv/bin/python"; then
  python=
  for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
    if good "$name"; then python=$name; break; fi
  done
  if [ -z "$python" ]; then
    echo "callwright: no Python 3.11 or newer found; set PYTHON=/path/to/python3" >&2
    exit 1
  fi
  echo "Making $venv with $($python --version 2>&1) ..."
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian keeps ensurepip in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      echo "Installing python3-venv ..."
      { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >/dev/null 2>&1 || true
      rm -rf "$venv"
    fi
    if ! "$python" -m venv "$venv"; then
      echo "callwright: $python cannot make a virtual environment; on Debian: apt install python3-venv" >&2
      exit 1
    fi
  fi
fi

total=$(grep -c '==' "$lock")
echo "Installing the $total pinned packages of $lock (once; about a minute on an idle machine) ..."
# What pip is at, every ten seconds; never longer than this script runs.
told=$venv/install.log
began=$(date +%s)
rm -f "$told"
while sleep 10 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
  found=$(grep -c ' Collecting ' "$told" 2>/dev/null || true)
  spent=$(($(date +%s) - began))
  if grep -q 'Installing collected packages' "$told" 2>/dev/null; then
    echo "  installing them, $spent s so far ..."
  else
    echo "  ${found:-0} of $total packages fetched, $spent s so far ..."
  fi
done &
telling=$!
trap 'kill "$telling" 2>/dev/null; rm -f "$told"' EXIT
trap 'exit 130' INT TERM
if "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
  # The interpreter's own pip and setuptools are as old as it is; nothing here needs setuptools.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: -r requirements-pip.lock
  "$venv/bin/python" -m pip uninstall --quiet --yes setuptools wheel >/dev/null 2>&1 || true
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --log "$told" -r "$lock"
else
  echo "callwright: $venv has no pip; remove it and start again" >&2
  exit 1
fi
rm -f "$venv"/.installed-*
command_line
media_loop
cp "$lock" "$stamp"
