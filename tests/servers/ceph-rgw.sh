#!/bin/bash
# Ceph RADOS gateway: one mon, one mgr, one osd on a file, one gateway; a production object store on loopback.
# Debian 12 ships Ceph 16: it silently ignores conditions on copies and on Complete and knows no CRC64NVME, which is exactly
# why it is worth testing against. S3 keys: test / testtest. Needs root (apt, and Ceph's own folders).
#   ceph-rgw.sh install | start | stop      PORT=7480 and OSD_SIZE=16106127360 (bytes, a sparse file) unless set
set -u
NAME=ceph-rgw PORT=${PORT:-7480}
# shellcheck source=SCRIPTDIR/_server.sh
. "$(dirname "$0")/_server.sh"
export CEPH_CONF=$DATA/ceph.conf

write_conf() {
  mkdir -p "$DATA"/{mon.a,mgr.x,osd.0,rgw.a,run,log}
  cat >"$CEPH_CONF" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:13300,v1:127.0.0.1:16789]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
osd pool default pg autoscale mode = off
osd class load list = *
osd class default list = *
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
keyring = $DATA/keyring
run dir = $DATA/run
admin socket = $DATA/run/\$cluster-\$name.asok
log file = $DATA/log/\$name.log
pid file = $DATA/run/\$type.pid
[mon]
mon data = $DATA/mon.a
[mgr]
mgr data = $DATA/mgr.x
mgr initial modules =
[osd]
osd data = $DATA/osd.0
bluestore block size = ${OSD_SIZE:-16106127360}
bluestore block create = true
osd memory target = 1500M
[client.rgw.a]
rgw data = $DATA/rgw.a
rgw frontends = beast endpoint=127.0.0.1:$PORT
rgw enable usage log = false
rgw enable ops log = false
rgw crypt require ssl = false
rgw dns name = localhost
pid file = $DATA/run/rgw.pid
CONF
}

case ${1:-} in
install)
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common >/dev/null
  ;;
start)
  refuse_taken_port "$PORT" || exit 1
  set -e
  fresh=
  if [ ! -f "$CEPH_CONF" ]; then
    fresh=1
    write_conf
    ceph-authtool --create-keyring "$DATA/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
    for n in client.admin osd.0 mgr.x client.rgw.a; do
      ceph-authtool "$DATA/keyring" --gen-key -n "$n" --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' >/dev/null
    done
    fsid=$(sed -n 's/^fsid = //p' "$CEPH_CONF")
    monmaptool --create --clobber --fsid "$fsid" --addv a '[v2:127.0.0.1:13300,v1:127.0.0.1:16789]' "$DATA/monmap" >/dev/null
    ceph-mon -i a --mkfs --monmap "$DATA/monmap" --keyring "$DATA/keyring"
  fi
  sed -i "s/^rgw frontends = .*/rgw frontends = beast endpoint=127.0.0.1:$PORT/" "$CEPH_CONF"
  ceph-mon -i a
  ceph-mgr -i x
  if [ -n "$fresh" ]; then
    uuid=$(cat /proc/sys/kernel/random/uuid)
    ceph --connect-timeout 20 osd new "$uuid" 0 >/dev/null 2>&1 || true
    ceph-osd -i 0 --mkfs --osd-uuid "$uuid" >"$DATA/log/mkfs.log" 2>&1
  fi
  ceph-osd -i 0 >/dev/null 2>&1
  for _ in $(seq 60); do
    ceph osd stat 2>/dev/null | grep -q '1 up' && break
    sleep 1
  done
  if [ -n "$fresh" ]; then
    ceph osd pool create .rgw.root 8 >/dev/null 2>&1 || true
    radosgw-admin user create --uid=test --display-name=test --access-key=test --secret-key=testtest >/dev/null
  fi
  radosgw -n client.rgw.a
  wait_port "$PORT" 60
  ;;
stop)
  pids=()
  for daemon in rgw mgr osd mon; do
    [ -f "$DATA/run/$daemon.pid" ] && pids+=("$(cat "$DATA/run/$daemon.pid")") && rm -f "$DATA/run/$daemon.pid"
  done
  end_pids "${pids[@]}"
  ;;
*)
  echo "usage: $0 install|start|stop" >&2
  exit 2
  ;;
esac
