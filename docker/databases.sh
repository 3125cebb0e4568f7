#!/bin/sh
# Run once by the image of PostgreSQL, when its cluster is new: a role and a database for each of the two.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv muniment_password MUNIMENT_PASSWORD
\getenv prefect_password PREFECT_PASSWORD
CREATE ROLE muniment LOGIN PASSWORD :'muniment_password';
CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE DATABASE muniment OWNER muniment ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE prefect OWNER prefect ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE muniment, prefect FROM PUBLIC;
SQL
