#!/bin/sh
# One process of a Callwright instance: callwright web|media|tasks|beat|sweep|sip|prepare|health|manage ...
# `run` is all of them at once with engines of their own, in an image built with --target alone;
# else a command of the command line client.
set -eu
umask 077
cd /app
what=${1:-web}
[ $# -gt 0 ] && shift
worker="celery -A config.celery --quiet worker --pool=threads --without-gossip --without-mingle --without-heartbeat"
# What runs here and as which process (every one below is this shell's successor), for the health check.
case $what in
  health|manage|init|call|listen|events|token|completion|doctor|loadtest) ;;
  *) echo "$what $$" >/run/callwright/process ;;
esac
case $what in
  run) exec python -u -m config.supervisor ;;
  web) exec python -m config.serve ;;
  # Stop it with a grace period of CALLWRIGHT_DRAIN_SECONDS: it takes no new calls and ends with its last one.
  media) exec $worker -Q media -c 200 -n "media@$(hostname)-$$" "$@" ;;
  tasks) exec $worker -Q tasks -c 8 -n "tasks@$(hostname)-$$" "$@" ;;
  beat) exec celery -A config.celery --quiet beat --pidfile= --schedule=/run/callwright/beat-schedule ;;
  sweep) exec python manage.py sweep ;;
  sip) exec python manage.py sip ;;
  prepare) exec python manage.py prepare ;;
  manage) exec python manage.py "$@" ;;
  init|call|listen|events|token|completion|doctor|loadtest) exec python -m clients.command "$what" "$@" ;;
  health)
    read -r runs pid </run/callwright/process
    if [ "$runs" = web ] || [ "$runs" = run ]; then
      exec python -c 'import os, urllib.request as r; r.urlopen("http://127.0.0.1:%s/healthz" % os.environ.get("CALLWRIGHT_HTTP_PORT", "8000"), timeout=3)'
    fi
    kill -0 "$pid"
    ;;
  *)
    echo "callwright: unknown process $what" >&2
    exit 2
    ;;
esac
