#!/bin/sh
# Makes what compose.yaml must be told and nobody else may know: secrets/ beside this file, or the folder named.
# Usage: secrets.sh HOST NAME [FOLDER]     the proxy's name in the network; who may look at the UI
# Nothing is overwritten: to make one anew, remove it first.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: secrets.sh HOST NAME [FOLDER]" >&2
  exit 2
fi
host=$1
person=$2
folder=${3:-$(dirname "$0")/secrets}

umask 077
mkdir -p "$folder"
cd "$folder"

random() { openssl rand -hex 24; }

if [ ! -e postgres.env ]; then
  muniment=$(random)
  prefect=$(random)
  printf 'POSTGRES_PASSWORD=%s\nMUNIMENT_PASSWORD=%s\nPREFECT_PASSWORD=%s\n' "$(random)" "$muniment" "$prefect" >postgres.env
  printf 'PGPASSWORD=%s\n' "$muniment" >muniment.env
  printf 'PGPASSWORD=%s\n' "$prefect" >prefect.env
fi

# What Prefect asks of the services and the proxy.
if [ ! -e prefect.conf ]; then
  secret=muniment:$(random)
  printf 'PREFECT_SERVER_API_AUTH_STRING=%s\n' "$secret" >>prefect.env
  printf 'PREFECT_API_AUTH_STRING=%s\n' "$secret" >>muniment.env
  printf 'proxy_set_header Authorization "Basic %s";\n' "$(printf '%s' "$secret" | openssl base64 -A)" >prefect.conf
fi

[ -e s3.env ] || printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' "$(openssl rand -hex 10)" "$(random)" >s3.env

if [ ! -e people ]; then
  password=$(random)
  printf '%s:%s\n' "$person" "$(printf '%s' "$password" | openssl passwd -6 -stdin)" >people
  # Read by nginx's own user; the folder keeps everybody else out.
  chmod 644 people
  echo "$person may look at https://$host/ with the password $password"
fi

if [ ! -e key.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -sha256 \
    -subj "/CN=$host" -addext "subjectAltName=DNS:$host" -keyout key.pem -out certificate.pem 2>/dev/null
  echo "the certificate vouches for itself: replace certificate.pem and key.pem by what your authority gives you"
fi
