#!/bin/sh
# Runs once, on an empty volume: the owner of the tables and the login of requests, neither a superuser.
# What a volume of an older version lacks, `prepare` makes.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U "$POSTGRES_USER" postgres <<'END'
CREATE ROLE callwright LOGIN CREATEROLE PASSWORD :'password';
CREATE ROLE callwright_requests LOGIN PASSWORD :'password';
ALTER ROLE callwright_requests SET track_activities = off;
CREATE DATABASE callwright OWNER callwright;
END
