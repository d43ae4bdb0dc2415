#!/usr/bin/env bash
# deploy/bellwire.service under a real systemd: it starts as process 1 in namespaces of its own, over a copy of this
# system that is gone at the end, with a simulated TTMT and a receiver beside it on a loopback of its own. The unit must
# ring (over HTTP and by a program), read its secrets, reload, come back after a kill and stop cleanly, with nothing
# refused. By hand, because it needs root and a system that has systemd; memory limits are not put to the test where the
# hierarchy of cgroup version 2 has no memory controller.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl unshare pivot_root systemd-analyze ip
[ "$(id -u)" = 0 ] || skip "needs root"
[ -x /lib/systemd/systemd ] || skip "needs systemd"
cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$cgroups" ] || skip "needs cgroups of version 2"
build_bellwire

mkdir -p "$work/units/bellwire.service.d" "$work/etc/secrets" "$work/out"
cp "$bellwire" "$work/bellwire"
cp "$parts/receiver.py" "$parts/systemd_trial.sh" "$parts/systemd_boot.sh" "$work/"
cp deploy/bellwire.service "$work/units/"
key=ttmt_live_no-real-key-no-real-key-no-real-key-no-real
echo "$key" >"$work/etc/secrets/ttmt_api_key"
echo a-token-of-32-characters-or-more >"$work/etc/secrets/http_token"
chmod 700 "$work/etc/secrets"
chmod 600 "$work/etc/secrets/"*
# As the README says, and a program beside the phone.
edit=$(sed -n 's/^\(sed .*\) config\.toml | sudo tee.*/\1/p' deploy/README.md)
[ -n "$edit" ] || fail "the README does not say how systemd's configuration is made"
eval "$edit deploy/config.toml" | sed '/^\[\[tests\]\]/,$d' >"$work/etc/config.toml"
cat >>"$work/etc/config.toml" <<'T'
[sinks.program]
kind = "exec"
command = ["/bin/sh", "-c", "cat >>/var/lib/bellwire/rung"]
allow_exec = true
[[rules]]
name = "everything"
to = ["program", "phone"]
T
cat >"$work/units/bellwire.service.d/trial.conf" <<'U'
[Unit]
Wants=
After=ttmt.service receiver.service
[Service]
Environment=BELLWIRE_SOURCES__TTMT__BASE_URL=http://localhost:8181/api/v1
Environment=BELLWIRE_SINKS__PHONE__SERVER=http://localhost:8282
StandardError=append:/mnt/out/bellwire.log
U
unit() { # unit NAME COMMAND [LINE...]
    local name=$1 command=$2; shift 2
    printf '%s\n' '[Service]' "ExecStart=$command" "StandardOutput=append:/mnt/out/$name.log" "StandardError=append:/mnt/out/$name.log" "$@" \
        >"$work/units/$name.service"
}
unit ttmt "/usr/local/bin/bellwire simulate ttmt --key $key --rate 5" Type=exec
unit receiver "$(command -v python3) /usr/local/bin/receiver.py 8282 /mnt/out/received.jsonl" Type=exec
unit trial "/bin/bash /usr/local/bin/systemd_trial.sh" Type=oneshot "ExecStopPost=/bin/systemctl poweroff --force --force"
printf '[Unit]\nWants=ttmt.service receiver.service bellwire.service trial.service\n' >"$work/units/trial.target"

group=$cgroups/bellwire-trial-$$
mkdir "$group"
(echo "$BASHPID" >"$group/cgroup.procs"; exec timeout -k 5 120 unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child \
    bash "$work/systemd_boot.sh" "$work") >"$work/boot.log" 2>&1 || true
# What was in it has ended with its process 1, though not always by now.
emptied() { find "$group" -depth -type d -exec rmdir {} + && [ ! -d "$group" ]; }
until_ready "the end of the cgroup" emptied || fail "something is left in $group"
cat "$work/out/trial.log" 2>/dev/null || { tail "$work/boot.log"; fail "systemd did not start"; }
grep -qx 'all of it holds' "$work/out/trial.log" || { tail -n 5 "$work/out/bellwire.log"; fail "see above"; }
