#!/usr/bin/env bash
# The files of deploy/ in the hands of those they are for: Docker Compose reads the compose files, the API schemas of
# Kubernetes its manifest, systemd its unit, and a real ntfy server, set up by the commands of deploy/README.md, what
# compose.ntfy.yaml says to it and to bellwire. What must not change by accident (limits, users, restarts) is asserted.
# Skips, loudly, what cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl
install_python "$work/python" check-jsonschema==0.39.0 kubernetes-validate==1.37.0 || skip "the schemas cannot be had"
python=$work/python/bin
build_bellwire
bellwire=$(realpath "$bellwire")
skipped=()

# ---- The configuration, as it is here and as the README makes systemd's of it ----
mkdir "$work/secrets" "$work/etc"
for secret in ttmt_api_key http_token; do echo "a-long-secret-of-$secret-0123456789" >"$work/secrets/$secret"; done
echo "postgres://bellwire:a-long-secret@postgres/bellwire?sslmode=disable" >"$work/secrets/database_url"
checked() { # checked FILE FOLDER OF ITS SECRETS
    grep -qF "\"$2/" "$1" || fail "no secret of $1 is looked for in $2"
    sed "s:$2/:$work/secrets/:" "$1" >"$work/etc/config.toml"
    "$bellwire" check --config "$work/etc/config.toml" >"$work/log" 2>&1 || { cat "$work/log"; fail "bellwire check of $1"; }
}
checked deploy/config.toml /run/secrets
checked deploy/config.postgres.toml /run/secrets
edit=$(sed -n 's/^\(sed .*\) config\.toml | sudo tee.*/\1/p' deploy/README.md)
[ -n "$edit" ] || fail "the README does not say how systemd's configuration is made"
eval "$edit deploy/config.toml" >"$work/systemd.toml"
checked "$work/systemd.toml" /run/credentials/bellwire.service
grep -qx 'data_dir = "/var/lib/bellwire"' "$work/systemd.toml" || fail "systemd's data_dir"
grep -qx 'listen = "127.0.0.1:8080"' "$work/systemd.toml" || fail "systemd's listen"

# ---- Compose ----
compose=()
if docker compose version >/dev/null 2>&1; then compose=(docker compose)
elif unpack_debian trixie docker-compose "$work/compose"; then compose=("$work/compose/usr/libexec/docker/cli-plugins/docker-compose")
else skipped+=("Docker Compose"); fi
"$python/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml deploy/compose.ntfy.yaml deploy/compose.postgres.yaml \
    || fail "the schema of compose files"
if [ ${#compose[@]} != 0 ]; then
    "${compose[@]}" -f deploy/compose.yaml config --format json >"$work/compose.json" || fail "compose.yaml"
    (unset NTFY_BASE_URL; "${compose[@]}" -f deploy/compose.yaml -f deploy/compose.ntfy.yaml config -q 2>/dev/null) && fail "ntfy without an address"
    NTFY_BASE_URL=https://ntfy.example.org "${compose[@]}" -f deploy/compose.yaml -f deploy/compose.ntfy.yaml \
        config --format json >"$work/ntfy.json" || fail "compose.ntfy.yaml"
    "${compose[@]}" -f deploy/compose.postgres.yaml config --format json >"$work/postgres.json" || fail "compose.postgres.yaml"
fi

# ---- Kubernetes ----
"$python/kubernetes-validate" --strict --quiet deploy/kubernetes.yaml deploy/kubernetes.postgres.yaml || fail "the schemas of Kubernetes"
"$python/python" "$parts/deploy.py" "$work" || fail "see above"

# ---- systemd ----
if command -v systemd-analyze >/dev/null; then
    sed "s:/usr/local/bin/bellwire:$bellwire:" deploy/bellwire.service >"$work/bellwire.service"
    systemd-analyze verify --man=no "$work/bellwire.service" >"$work/log" 2>&1 || { cat "$work/log"; fail "the unit"; }
    [ ! -s "$work/log" ] || { cat "$work/log"; fail "systemd warns of the unit"; }
    systemd-analyze security --offline=true --no-pager --threshold=15 "$work/bellwire.service" >"$work/log" 2>&1 \
        || { cat "$work/log"; fail "the unit is open to more than it was"; }
    echo "systemd: $(tail -n 1 "$work/log" | grep -o 'Overall.*: [0-9.]*')"
else skipped+=("systemd"); fi

# ---- An ntfy server with the environment of compose.ntfy.yaml ----
if [ -f "$work/ntfy.json" ] && unpack_debian sid ntfy "$work/ntfy-server"; then
    . "$parts/deploy_ntfy.sh"
else skipped+=("ntfy"); fi

[ ${#skipped[@]} = 0 ] || echo "SKIPPED in part: no $(IFS=,; echo "${skipped[*]}") can be had"
echo "the files of deploy/ say what they should"
