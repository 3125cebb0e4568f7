#!/bin/sh
# Starts monitor, disk daemon and gateway, and ends when one of them does or when told to (SIGTERM).
# The daemons do not authenticate each other, and listen on loopback; the gateway alone is reached from outside.
# Told by the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (who may use it), S3_FOLDER, S3_LISTEN,
# S3_PORT, S3_MONITOR_PORT, S3_BYTES (how much it holds; a file that is not full takes less).
set -eu

folder=${S3_FOLDER:-/var/lib/s3}
listen=${S3_LISTEN:-0.0.0.0}
port=${S3_PORT:-7480}
monitor=${S3_MONITOR_PORT:-3300}
bytes=${S3_BYTES:-107374182400}
: "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}"

configuration=$folder/ceph.conf
started=

stop() {
  trap - TERM INT EXIT
  # In the order in which they need each other.
  for daemon in gateway disk monitor; do
    if [ -s "$folder/$daemon.pid" ]; then
      number=$(cat "$folder/$daemon.pid")
      kill "$number" 2>/dev/null && wait "$number" || true
      rm -f "$folder/$daemon.pid"
    fi
  done
  exit "${1:-0}"
}

fail() {
  echo "s3: $1; see the logs in $folder" >&2
  stop 1
}

run() {
  program=$1
  shift
  "$program" -c "$configuration" "$@" >>"$folder/started.log" 2>&1
}

start() {
  name=$1
  shift
  "$@" -f >>"$folder/started.log" 2>&1 &
  echo $! >"$folder/$name.pid"
  started="$started $!"
}

disk_is_up() {
  ceph -c "$configuration" --connect-timeout 5 osd stat 2>/dev/null | grep -q '1 up'
}

wait_for() {
  tries=0
  until "$1"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "it is not up after a minute"
    sleep 0.2
  done
}

# What an engine killed left says nothing of the processes of this container.
rm -f "$folder"/gateway.pid "$folder"/disk.pid "$folder"/monitor.pid
trap 'stop 0' TERM INT
trap 'stop 1' EXIT

if [ ! -e "$folder/made" ]; then
  # What a start that was killed left holds nothing of anybody.
  rm -rf "$folder/monitor" "$folder/disk"
  mkdir "$folder/monitor" "$folder/disk"
  identity=$(cat /proc/sys/kernel/random/uuid)
  cat >"$configuration" <<X
[global]
fsid = $identity
mon_host = v2:127.0.0.1:$monitor
public_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
run_dir = $folder
crash_dir = $folder
log_file = $folder/\$name.log
admin_socket =
pid_file =
mon_data = $folder/monitor
mon_data_avail_warn = 1
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
osd_data = $folder/disk
osd_class_dir = $(dirname "$(find /usr/lib -name libcls_rgw.so | head -n 1)")
osd_class_load_list = *
osd_class_default_list = *
osd_objectstore = bluestore
osd_memory_target = 939524096
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_initial_weight = 1.0
bluestore_block_size = $bytes
rgw_rados_pool_pg_num_min = 1
debug_rgw = 0
X
  monmaptool --create --clobber --fsid "$identity" --addv a "v2:127.0.0.1:$monitor" "$folder/monmap" >>"$folder/started.log"
  run ceph-mon --mkfs -i a --monmap "$folder/monmap"
fi

start monitor ceph-mon -c "$configuration" -i a
if [ ! -e "$folder/made" ]; then
  disk=$(cat /proc/sys/kernel/random/uuid)
  run ceph osd new "$disk"
  run ceph-osd -i 0 --mkfs --osd-uuid "$disk"
fi
start disk ceph-osd -c "$configuration" -i 0
wait_for disk_is_up
if [ ! -e "$folder/made" ]; then
  run radosgw-admin user create --uid=muniment --display-name=Muniment \
    --access-key="$AWS_ACCESS_KEY_ID" --secret="$AWS_SECRET_ACCESS_KEY"
  touch "$folder/made"
fi
# Nagle's algorithm on the one side and delayed acknowledgements on the other cost 40 ms an object.
start gateway radosgw -c "$configuration" -n client.admin --ms-mon-client-mode=crc \
  --rgw-frontends="beast endpoint=$listen:$port tcp_nodelay=1"
echo "s3: starting to listen at $listen:$port" >&2

while sleep 1; do
  for number in $started; do
    kill -0 "$number" 2>/dev/null || fail "one of its daemons has ended"
  done
done
