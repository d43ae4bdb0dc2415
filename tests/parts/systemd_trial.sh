# Run by systemd.sh as a unit beside bellwire's: what must hold there, and the line that says so.
set -euo pipefail
until_true() { # until_true WHAT COMMAND...
    local what=$1; shift
    for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "FAILED: $what"; systemctl status bellwire --no-pager -l || true; exit 1
}
property() { systemctl show bellwire -p "$1" --value; }
is() { [ "$(property "$1")" = "$2" ] || { echo "FAILED: $1 is $(property "$1") and not $2"; exit 1; }; }
rung() { [ "$(grep -o '"webhook_id"' /var/lib/bellwire/rung | grep -c .)" -gt "$1" ]; }
received() { [ "$(grep -c . /mnt/out/received.jsonl)" -gt "$1" ]; }
has() { grep -qE "$1" "/proc/$(property MainPID)/status" || { echo "FAILED: not $1"; exit 1; }; }

until_true "it is ready" bellwire health
until_true "the program rings" rung 5
until_true "the phone rings" received 5
is NRestarts 0
is MemoryMax 67108864
has '^Uid:\s+6[0-9]{4}'
has '^CapEff:\s+0+$'
has '^NoNewPrivs:\s+1$'
has '^Seccomp:\s+2$'
echo "rings as user $(awk '/^Uid/ { print $2 }' "/proc/$(property MainPID)/status"), without capabilities, with a filter of system calls"

sed -i 's/"everything"/"everything-else"/' /etc/bellwire/config.toml
systemctl reload bellwire
until_true "the reload" grep -q 'read again and is in force' /mnt/out/bellwire.log
is NRestarts 0

before=$(grep -c . /mnt/out/received.jsonl)
kill -KILL "$(property MainPID)"
restarted() { [ "$(property NRestarts)" = 1 ]; }
until_true "the restart" restarted
until_true "it is ready again" bellwire health
until_true "the phone rings again" received "$before"
is NRestarts 1

systemctl stop bellwire
is Result success
is ExecMainStatus 0
if grep -E '"level":"ERROR"|Operation not permitted|Permission denied' /mnt/out/bellwire.log; then exit 1; fi
echo "reloads, comes back after a kill, stops cleanly"
systemd-analyze security bellwire.service --no-pager | tail -n 1
echo "all of it holds"
