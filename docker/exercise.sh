#!/bin/sh
# Builds the image without a Docker engine and runs an instance from it: every process of compose.yml beside
# Debian's PostgreSQL and Redis, real calls with sound, a clean stop. For CI and for who changes the recipe.
# Needs root, buildah, mmdebstrap (as root on Debian it installs them) and a network; says what is missing and exits 77.
# Leaves nothing else behind.
set -eu
cd "$(dirname "$0")/.."

say() { echo "exercise: $*"; }
if [ "$(id -u)" = 0 ] && ! { command -v buildah && command -v mmdebstrap; } >/dev/null && command -v apt-get >/dev/null; then
  say "installing buildah and mmdebstrap ..."
  apt-get update -qq >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah mmdebstrap >/dev/null 2>&1 || true
fi
obstacle=
[ "$(id -u)" = 0 ] || obstacle="not running as root"
for program in buildah mmdebstrap; do
  command -v $program >/dev/null || obstacle="$program is not installed (apt install buildah mmdebstrap)"
done
if [ -n "$obstacle" ]; then
  say "skipped: $obstacle"
  exit 77
fi

work=$(mktemp -d /var/tmp/callwright-image.XXXXXX)
mkdir "$work/tmp"
export TMPDIR="$work/tmp" STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
tool() { buildah --log-level error --root "$work/storage" --runroot "$work/run" "$@"; }
# inside: the pids of whatever has its root in a container of ours
inside() {
  for each in /proc/[0-9]*; do
    case $(readlink "$each/root" 2>/dev/null) in "$work"/*) echo "${each#/proc/}" ;; esac
  done
}
tidy() {
  for pid in $(inside); do kill -s KILL "$pid" 2>/dev/null || true; done
  sleep 1
  tool rm --all >/dev/null 2>&1 || true
  umount "$work/storage/overlay" 2>/dev/null || true
  rm -rf "$work"
}
trap tidy EXIT
trap 'exit 1' INT TERM

# Without the right to mount, layers are copied: slower.
tool from --name probe scratch >/dev/null 2>&1 && tool mount probe >/dev/null 2>&1 || STORAGE_DRIVER=vfs
tool rm --all >/dev/null 2>&1 || true

say "a base image: Debian 12 with its Python"
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
  --customize-hook='ln -s python3 "$1/usr/bin/python"' \
  --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' bookworm "$work/base.tar"
base=$(tool from scratch)
tool add --quiet "$base" "$work/base.tar" / >/dev/null
tool config --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$base"
tool commit --quiet --rm "$base" localhost/base >/dev/null
rm "$work/base.tar"
if ! tool run --isolation chroot "$(tool from localhost/base)" -- true 2>/dev/null; then
  say "skipped: no container can be run here"
  exit 77
fi

say "the image, by docker/Dockerfile"
tool bud --quiet --isolation chroot --build-arg BASE=localhost/base -f docker/Dockerfile -t localhost/callwright . >/dev/null

say "PostgreSQL and Redis"
printf 'FROM localhost/base\nRUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends postgresql redis-server >/dev/null\n' \
  | tool bud --quiet --isolation chroot -t localhost/engines -f - >/dev/null

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
postgres=$(free_port) redis=$(free_port) http=$(free_port) sip=$(free_port)
mkdir -m 777 "$work/data" "$work/logs"
cat >"$work/environment" <<END
DATABASE_URL=postgresql://callwright:secret@127.0.0.1:$postgres/callwright
CALLWRIGHT_REQUESTS_DATABASE_URL=postgresql://callwright_requests:secret@127.0.0.1:$postgres/callwright
REDIS_URL=redis://:secret@127.0.0.1:$redis/0
CALLWRIGHT_SECRET_KEY=$(python3 -c 'import secrets; print(secrets.token_hex(32))')
CALLWRIGHT_PROJECT_ID=$(python3 -c 'import uuid; print(uuid.uuid4())')
CALLWRIGHT_API_TOKEN=PT$(python3 -c 'import secrets; print(secrets.token_hex(32))')
CALLWRIGHT_ADMIN_PASSWORD=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
CALLWRIGHT_BIND=127.0.0.1
CALLWRIGHT_MEDIA_IP=127.0.0.1
CALLWRIGHT_DOMAIN=localhost
CALLWRIGHT_HTTP_PORT=$http
CALLWRIGHT_SIP_PORT=$sip
CALLWRIGHT_TURN_PORT=0
CALLWRIGHT_DRAIN_SECONDS=5
END
variables=$(sed 's/^/--env /' "$work/environment")

# start NAME IMAGE USER COMMAND...: a container of its own
start() {
  name=$1 image=$2 user=$3
  shift 3
  container=$(tool from --name "$name" "localhost/$image")
  # shellcheck disable=SC2086
  tool run \
    --isolation chroot --user "$user" --volume "$work/data:/data" $variables "$container" -- "$@" \
    >"$work/logs/$name" 2>&1 </dev/null &
}
fail() {
  say "failed: $*"
  tail -n 20 "$work/logs"/* >&2
  exit 1
}
# until_true SECONDS WORDS COMMAND...
until_true() {
  seconds=$1 words=$2
  shift 2
  end=$(($(date +%s) + seconds))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || fail "$words within $seconds s"
    sleep 0.3
  done
}
answers() { python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=3)' "http://127.0.0.1:$http$1"; }
listens() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1"; }

start postgres engines postgres sh -c "set -e; bin=\$(echo /usr/lib/postgresql/*/bin); mkdir -p /tmp/pg
  echo secret >/tmp/password; \$bin/initdb -D /tmp/pg -U postgres --pwfile=/tmp/password -A scram-sha-256 >/dev/null
  exec \$bin/postgres -D /tmp/pg -p $postgres -c unix_socket_directories=/tmp -c listen_addresses=127.0.0.1"
start redis engines redis redis-server --port "$redis" --requirepass secret --save '' --appendonly no
until_true 30 "PostgreSQL listens" listens "$postgres"
until_true 30 "Redis listens" listens "$redis"

in_image() {
  # shellcheck disable=SC2086
  tool run --isolation chroot --user callwright --volume "$work/data:/data" $variables "$@"
}
once=$(tool from --name once localhost/callwright)
tool run --isolation chroot --user postgres --env PGPASSWORD=secret "$(tool from --name psql localhost/engines)" -- \
  psql -qh 127.0.0.1 -p "$postgres" -U postgres postgres \
  -c "CREATE ROLE callwright LOGIN CREATEROLE PASSWORD 'secret'" -c 'CREATE DATABASE callwright OWNER callwright' || fail "a database"
in_image "$once" -- callwright prepare || fail "prepare"
for part in web media tasks beat sweep sip; do start $part callwright callwright tini -- callwright $part; done
until_true 60 "the instance is ready" answers /readyz
for part in web media tasks beat sweep sip; do
  until_true 10 "$part is healthy" in_image $part -- callwright health
done
say "calls through it"
in_image "$once" -- callwright manage loadtest --calls 10 --at-once 3 --rooms 1 --members 3 \
  --project "$(sed -n 's/^CALLWRIGHT_PROJECT_ID=//p' "$work/environment")" \
  --token "$(sed -n 's/^CALLWRIGHT_API_TOKEN=//p' "$work/environment")" || fail "a load test"
in_image "$once" -- sh -c 'touch /app/x 2>/dev/null' 2>/dev/null && fail "the image's files can be written by its user"

say "a clean stop"
for pid in $(inside); do
  case $(cat "/proc/$pid/comm" 2>/dev/null) in tini) kill -s TERM "$pid" ;; esac
done
gone() { ! cat $(inside | sed 's|.*|/proc/&/comm|') /dev/null 2>/dev/null | grep -qE '^(tini|python|celery)'; }
until_true 30 "every process leaves" gone
if grep -il 'traceback' "$work/logs"/*; then fail "a traceback in the logs"; fi
say "the image works"
