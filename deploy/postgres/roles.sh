#!/bin/sh
# Runs once, when the postgres container makes its cluster: the product's roles and database, and Temporal's.
# The owner migrates; the app has neither ownership nor any right that the migrations do not give it.
set -eu

psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=owner_password="$ACMESYNC_OWNER_PASSWORD" \
  --set=app_password="$ACMESYNC_APP_PASSWORD" \
  --set=temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE acmesync_owner LOGIN CREATEROLE CREATEDB PASSWORD :'owner_password';
CREATE ROLE acmesync_app LOGIN NOINHERIT PASSWORD :'app_password';
CREATE DATABASE acmesync OWNER acmesync_owner;

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
