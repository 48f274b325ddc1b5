# Sourced by .ci/run and .ci/autobahn: starts a program that listens, and ends it by its process id.

child=

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# listen PORT LOG COMMAND...: returns when the program listens. One at a time.
listen() {
    local port=$1 log=$2
    shift 2
    "$@" >"$log" 2>&1 &
    child=$!
    for _ in $(seq 200); do
        if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
        still_running "$log" "$1"
        sleep 0.1
    done
    fail_with "$log" "$1 did not listen on port $port within 20 seconds"
}

still_running() { kill -0 "$child" 2>/dev/null || fail_with "$1" "$2 ended by itself"; }

end_child() {
    [ -n "$child" ] || return 0
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
    child=
}

fail() { echo "${0##*/}: $*" >&2; exit 1; }

fail_with() {
    echo "--- the end of $1:" >&2
    tail -n 30 "$1" >&2
    shift
    fail "$@"
}
