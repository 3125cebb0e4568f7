#!/bin/sh
# See that Python and the Debian packages are there: install them as root, otherwise name them in one line.
# Usage: debian.sh PYTHON PACKAGE...
set -eu

python=$1
shift

if command -v "$python" >/dev/null 2>&1; then
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "make: $python is $("$python" --version 2>&1), and Muniment needs Python 3.11 or newer; name one with PYTHON=..." >&2
    exit 1
  fi
else
  set -- "$@" python3
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "make: this is no Debian; see that these, or what your system calls them, are installed: $*" >&2
  exit 0
fi

# Debian ships venv apart from Python.
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || set -- "$@" python3-venv

missing=
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "make: Debian packages are missing; run: sudo apt-get install$missing" >&2
  exit 1
fi
echo "make: installing Debian packages:$missing"
case "$missing" in
  *postgresql*)
    # The tests start a server of their own: Debian shall not make and start another.
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/muniment.conf
    ;;
esac
case "$missing" in
  *clamav*)
    # The same for the scanner: Debian shall start none and fetch no signatures, neither now nor at the next start.
    echo 'clamav-freshclam clamav-freshclam/autoupdate_freshclam select manual' | debconf-set-selections
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      trap 'rm -f /usr/sbin/policy-rc.d' EXIT
      trap 'exit 1' HUP INT TERM
      printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
      chmod 755 /usr/sbin/policy-rc.d
    fi
    ;;
esac
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of package names
apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 \
  || { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $missing >/dev/null; }
