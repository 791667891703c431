# shellcheck shell=bash
# Sourced by the server scripts: where data and pids live, how to wait for a port, how to stop what was started.
#
# Data lies under $SERVERS_DIR, `target/servers` of the checkout unless it is set, in a folder named by $NAME.
SERVERS_DIR=${SERVERS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/servers}
DATA=$SERVERS_DIR/${NAME:?the script that sources this names its server}
mkdir -p "$DATA" || exit 1

listening() { # listening PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# An old instance, or somebody else's server, would answer in place of the one that is to be tested.
refuse_taken_port() { # refuse_taken_port PORT
  listening "$1" || return 0
  echo "$NAME: something answers on 127.0.0.1:$1 already; stop it or set PORT" >&2
  return 1
}

wait_port() { # wait_port PORT SECONDS
  local tries=$(($2 * 5))
  while ((tries-- > 0)); do
    listening "$1" && return 0
    sleep 0.2
  done
  echo "$NAME: nothing answers on 127.0.0.1:$1 after $2 s; see $DATA" >&2
  return 1
}

start_bg() { # start_bg COMMAND...: runs it detached, its pid and log in $DATA
  setsid "$@" >"$DATA/log" 2>&1 </dev/null &
  echo $! >"$DATA/pid"
}

# Asks the processes to end and waits up to 15 s, so that their ports and their data are free for the next start.
end_pids() { # end_pids PID...
  local tries=75 pid alive
  for pid in "$@"; do kill "$pid" 2>/dev/null; done
  while ((tries-- > 0)); do
    alive=
    for pid in "$@"; do kill -0 "$pid" 2>/dev/null && alive=1; done
    [ -z "$alive" ] && return 0
    sleep 0.2
  done
  for pid in "$@"; do kill -9 "$pid" 2>/dev/null; done
  return 0
}

stop_bg() {
  [ -f "$DATA/pid" ] && end_pids "$(cat "$DATA/pid")"
  rm -f "$DATA/pid"
}

venv() { # venv PACKAGE...: a private environment with these packages
  [ -x "$DATA/venv/bin/python" ] || python3 -m venv "$DATA/venv" || return 1
  "$DATA/venv/bin/pip" install -q --disable-pip-version-check "$@"
}
