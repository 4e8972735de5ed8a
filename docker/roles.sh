#!/bin/sh
# Run once by the PostgreSQL image, when its volume is empty: the two logins and the database.
set -eu
: "${CLIPLEDGER_OWNER_PASSWORD:?must be set}" "${CLIPLEDGER_APP_PASSWORD:?must be set}"

psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner="$CLIPLEDGER_OWNER_PASSWORD" --set app="$CLIPLEDGER_APP_PASSWORD" <<'SQL'
CREATE ROLE clipledger_owner LOGIN PASSWORD :'owner';
CREATE ROLE clipledger_app LOGIN PASSWORD :'app';
GRANT clipledger_app TO clipledger_owner;
CREATE DATABASE clipledger OWNER clipledger_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE clipledger FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE clipledger TO clipledger_app;
SQL
