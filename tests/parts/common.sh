# What the scripts in the folder above share; sourced by them, never run. It goes to the root of the repository, and
# gives a folder that is gone at the end, as is every program started, and the ways to get hold of other people's parts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
parts=tests/parts

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
skip() { echo "SKIPPED: $*"; exit 0; }
fail() { echo "FAILED: $*"; exit 1; }

needs() { # needs PROGRAM...
    for program; do command -v "$program" >/dev/null || skip "needs $program"; done
}

# A port that nobody listens on now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Asks again, for as long as most things take on a busy machine.
until_ready() { # until_ready WHAT COMMAND...
    local what=$1; shift
    for _ in $(seq "${patience:-300}"); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "$what did not come about"; return 1
}

# Unpacks a package of one of Debian's suites, without touching the machine's own packages or lists.
unpack_debian() { # unpack_debian SUITE PACKAGE FOLDER
    local suite=$1 package=$2 folder=$3 mirror apt=$3.apt
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || return 1
    rm -rf "$apt" "$folder"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
    local options=(-q
        -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache::archives=$apt/archives"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none)
    apt-get "${options[@]}" update >/dev/null 2>&1 || return 1
    (cd "$apt" && apt-get "${options[@]}" download "$package" >/dev/null 2>&1 \
        && dpkg-deb -x "$package"_*.deb "$folder" && dpkg-deb -f "$package"_*.deb Version >"$folder.version")
}

install_npm() { # install_npm FOLDER PACKAGE@VERSION...
    local folder=$1; shift
    mkdir -p "$folder"
    (cd "$folder" && echo '{"private":true,"type":"commonjs"}' >package.json \
        && npm install --no-audit --no-fund --save-exact "$@" >npm.log 2>&1)
}

install_python() { # install_python FOLDER PACKAGE==VERSION...
    local folder=$1; shift
    python3 -m venv "$folder" >/dev/null 2>&1 && "$folder/bin/pip" install -q --disable-pip-version-check "$@" >"$folder/pip.log" 2>&1
}

# The program as the sources stand, or another one that BELLWIRE names.
build_bellwire() { # sets bellwire
    bellwire=${BELLWIRE:-}
    [ -z "$bellwire" ] || return 0
    cargo build --release --locked
    bellwire=${CARGO_TARGET_DIR:-target}/release/bellwire
}

# A stream of events: each line of FILE is one, and so is each line that is added while it is served.
serve_events() { # serve_events FILE; sets feed
    local port; port=$(free_port)
    python3 "$parts/feed.py" "$port" "$1" >"$work/feed.log" 2>&1 &
    pids+=($!)
    feed="http://127.0.0.1:$port"
    until_ready "the stream of events" curl -fsS "$feed/ready"
}

# Somebody who accepts everything and writes it down; with --to, what stands between bellwire and a real receiver.
start_receiver() { # start_receiver FILE [OPTION...]; sets receiver
    local port; port=$(free_port)
    python3 "$parts/receiver.py" "$port" "$@" >"$1.log" 2>&1 &
    pids+=($!)
    receiver="http://127.0.0.1:$port"
    until_ready "the receiver" curl -fsS "$receiver/ready"
}

# The source of every configuration here: events as TTMT words them, from the stream above.
source_of() { # source_of FEED
    cat <<T
[sources.ttmt]
kind = "sse"
url = "$1/events"
type = "/type"
time = "/timestamp"
data = "/data"
T
}

# Starts the bridge with the configuration in FOLDER.
start_bellwire() { # start_bellwire FOLDER; sets bridge
    "$bellwire" run --config "$1/config.toml" >"$1/bellwire.log" 2>&1 &
    bridge=$!
    pids+=("$bridge")
}

lines() { # lines FILE: how many it has, none if there is none
    if [ -f "$1" ]; then grep -c '' "$1" || true; else echo 0; fi
}
