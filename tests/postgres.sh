#!/usr/bin/env bash
# A real PostgreSQL server: the queue's own tests, once more with the queue on it, and those that only a server can have,
# among them one that ends connections in mid-use all the time. The server is one of Debian's packages, lives in a folder
# of its own and asks for a password. Skips, loudly, where the package cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3
newest() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
as_other=()
if [ "$(id -u)" = 0 ]; then
    [ -n "$(newest)" ] || {
        command -v apt-get >/dev/null && apt-get update -q >/dev/null 2>&1 \
            && apt-get install -y -q --no-install-recommends postgresql >/dev/null 2>&1
    } || skip "no postgresql package can be had"
    # It refuses to be root. Its package brings somebody else.
    id postgres >/dev/null 2>&1 && command -v setpriv >/dev/null || skip "there is no user postgres to start it as"
    as_other=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
programs=$(newest)
[ -n "$programs" ] || skip "needs a postgresql package, which only root can install"

password=$(python3 -c 'import secrets; print(secrets.token_hex(12))')
port=$(free_port)
mkdir "$work/server"
printf '%s\n' "$password" >"$work/server/password"
if [ "$(id -u)" = 0 ]; then
    chmod 711 "$work"
    chown -R postgres "$work/server"
fi
(cd "$work/server" && "${as_other[@]}" "$programs/initdb" -D "$work/server/data" -U bellwire -A scram-sha-256 --pwfile="$work/server/password" \
    -E UTF8 --no-locale --no-sync) >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log"; fail "no database could be made"; }
(cd "$work/server" && exec "${as_other[@]}" "$programs/postgres" -D "$work/server/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$work/server" -c max_connections=300) >"$work/postgres.log" 2>&1 &
pids+=($!)
ask() { PGPASSWORD=$password "$programs/psql" -h 127.0.0.1 -p "$port" -U bellwire -d "$1" -Atqc "$2"; }
until_ready "the server" ask postgres "SELECT 1" || { tail -n 20 "$work/postgres.log"; fail "no server"; }
ask postgres "CREATE DATABASE bellwire"
if (password=wrong && ask bellwire "SELECT 1") >/dev/null 2>&1; then fail "it lets in whoever comes"; fi

export BELLWIRE_TEST_POSTGRES="postgres://bellwire:$password@127.0.0.1:$port/bellwire?sslmode=disable"
cargo test --locked --lib store::tests:: -- --skip store::tests::file:: 2>&1 | tee "$work/tests.log"
if grep -q '^SKIPPED' "$work/tests.log"; then fail "a test was skipped, although there is a server"; fi
passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$work/tests.log")
[ "${passed:-0}" -gt 90 ] || fail "only ${passed:-no} tests were run"
schemas=$(ask bellwire "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'test\\_%'")
[ "$schemas" -gt 50 ] || fail "only $schemas tests had their queue on the server"
echo "the queue on $("$programs/postgres" --version): $passed tests, $schemas queues"
