#!/bin/bash
# Images without an engine and without a registry: buildah builds, podman runs, and nothing is ever pulled.
#   image.sh install              buildah, podman, runc and a static busybox, from Debian
#   image.sh base NAME            makes localhost/NAME: a shell (busybox) and CA certificates, in place of a base image
#   image.sh build ARGUMENT...    buildah build, for example -t localhost/hugesync --build-arg BASE_IMAGE=localhost/NAME .
#   image.sh run ARGUMENT...      podman run: the flags of `docker run`
#   image.sh podman ARGUMENT...   any other command of podman: inspect, kill, rm ..
# The host's network is shared, so that a server on 127.0.0.1 is reached. Images and containers lie under $IMAGES_DIR,
# `target/images` of the checkout unless it is set. Needs root.
set -euo pipefail
images=${IMAGES_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/target/images}
mkdir -p "$images"
images=$(cd "$images" && pwd)

export CONTAINERS_CONF=$images/containers.conf CONTAINERS_STORAGE_CONF=$images/storage.conf
# Where CI itself runs in a container the default limits may be more than it may set, crun refuses mixed cgroups, and there is
# no systemd. `vfs` copies every layer and works on any file system. Docker hands no proxy of its client to a container. The
# files are replaced whole, never truncated: another call may be reading them.
cat >"$images/containers.$$" <<'CONF'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
http_proxy = false
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
mv "$images/containers.$$" "$CONTAINERS_CONF"
cat >"$images/storage.$$" <<CONF
[storage]
driver = "vfs"
graphroot = "$images/store"
runroot = "$images/run"
CONF
mv "$images/storage.$$" "$CONTAINERS_STORAGE_CONF"

make_base() { # make_base NAME
  local root command
  root=$(mktemp -d)
  # shellcheck disable=SC2064 # this folder, whatever becomes of the variable
  trap "rm -rf '$root'" EXIT
  mkdir -p "$root"/{bin,dev,etc/ssl/certs,proc,root,sys,tmp}
  chmod 755 "$root"
  chmod 1777 "$root/tmp"
  for command in $(busybox --list); do ln -s busybox "$root/bin/$command"; done
  # It lists itself too.
  cp --remove-destination "$(command -v busybox)" "$root/bin/busybox"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  tar -C "$root" -c . | podman import --quiet - "localhost/$1"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
install)
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    buildah podman runc conmon busybox-static ca-certificates >/dev/null
  ;;
base) make_base "${1:?image.sh base: a name is missing}" ;;
build) exec buildah build --isolation chroot --pull-never --network host --format docker "$@" ;;
run) exec podman run --pull=never --network host "$@" ;;
podman) exec podman "$@" ;;
*)
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
