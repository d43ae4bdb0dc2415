# A real ntfy server that hears what compose.ntfy.yaml says, with the users that deploy/README.md makes. Sourced by
# deploy.sh, after Compose has read the files.

port=$(free_port)
server="http://127.0.0.1:$port"
mkdir "$work/ntfy"
# Of the environments, what is true inside the containers only is put in terms of this machine.
"$python/python" - "$work" "$server" <<'P' || fail "the environments"
import json, pathlib, shlex, sys
work, server = pathlib.Path(sys.argv[1]), sys.argv[2]
services = json.loads((work / "ntfy.json").read_text())["services"]
local = {"/var/lib/ntfy": str(work / "ntfy"), "/run/secrets": str(work / "secrets"), "http://ntfy:2586": server,
         "https://ntfy.example.org": server, ":2586": server.removeprefix("http://")}
for name, service in services.items():
    with open(work / f"{name}.env", "w") as out:
        for key, value in service["environment"].items():
            # Nobody is asked to wake a phone from here.
            if key == "NTFY_UPSTREAM_BASE_URL":
                continue
            for inside, here in local.items():
                value = value if here in value else value.replace(inside, here)
            print(f"export {key}={shlex.quote(value)}", file=out)
P
(. "$work/ntfy.env"; exec "$work/ntfy-server/usr/bin/ntfy" serve >"$work/ntfy.log" 2>&1) &
pids+=($!)
until_ready "ntfy" curl -fsS "$server/v1/health" || { cat "$work/ntfy.log"; fail "ntfy"; }

# The README's commands, without the container around the program, and with a password for the person who is asked.
(
    . "$work/ntfy.env"
    ntfy() { "$work/ntfy-server/usr/bin/ntfy" "$@" 2>&1; }
    topic=change-me-to-something-nobody-guesses
    sed -n '/^## An ntfy server/,/^## systemd/p' deploy/README.md | grep '^\(ntfy\|NTFY_PASSWORD=\)' | sed 's/  *#.*//' >"$work/commands"
    [ "$(lines "$work/commands")" = 2 ] || exit 1
    export NTFY_PASSWORD=of-the-phone
    . "$work/commands"
) >"$work/log" 2>&1 || { cat "$work/log"; fail "the README's commands"; }
grep -oE 'tk_[A-Za-z0-9]+' "$work/log" >"$work/secrets/ntfy_token" || { cat "$work/log"; fail "no token"; }

sed "s:/run/secrets/:$work/secrets/:; s:^data_dir.*:data_dir = \"$work/data\":" deploy/config.toml >"$work/etc/config.toml"
(. "$work/bellwire.env"; "$bellwire" send phone --config "$work/etc/config.toml") >"$work/log" 2>&1 || { cat "$work/log"; fail "bellwire cannot ring through ntfy"; }
topic=$(sed -n 's/^topic = "\(.*\)"/\1/p' deploy/config.toml)
says() { curl -sS -o "$work/answer" -w '%{http_code}' "$@"; }
[ "$(says -u phone:of-the-phone "$server/$topic/json?poll=1")" = 200 ] || fail "the phone may not read"
[ "$(lines "$work/answer")" = 1 ] || { cat "$work/answer"; fail "the phone does not read one message"; }
token=$(cat "$work/secrets/ntfy_token")
while read -r status what arguments; do
    # shellcheck disable=SC2086
    [ "$(says $arguments)" = "$status" ] || { cat "$work/answer"; fail "ntfy lets $what"; }
done <<C
403 strangers-read $server/$topic/json?poll=1
403 strangers-write -d text $server/$topic
403 bellwire-read -u :$token $server/$topic/json?poll=1
403 bellwire-write-elsewhere -u :$token -d text $server/elsewhere
403 the-phone-write -u phone:of-the-phone -d text $server/$topic
401 a-wrong-token-write -u :tk_00000000000000000000000000000 -d text $server/$topic
C
echo "ntfy $(cat "$work/ntfy-server.version"): bellwire rings, the phone reads, nobody else does either"
