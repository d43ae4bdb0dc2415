# A PostgreSQL server of its own, from one of Debian's packages, for the scripts in the folder above that need one. It
# lives in the folder that is gone at the end, and asks for a password.

newest_postgres() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

# Skips, loudly, where the package cannot be had. Listens also at the address of `network_of_queue`, if that is set.
start_postgres() { # sets address and restart_postgres, a command that restarts it in the mode of pg_ctl that comes behind
    local as_other=() port password also=${network_of_queue:-}
    if [ "$(id -u)" = 0 ]; then
        [ -n "$(newest_postgres)" ] || {
            command -v apt-get >/dev/null && apt-get update -q >/dev/null 2>&1 \
                && apt-get install -y -q --no-install-recommends postgresql >/dev/null 2>&1
        } || skip "no postgresql package can be had"
        # It refuses to be root. Its package brings somebody else.
        id postgres >/dev/null 2>&1 && command -v setpriv >/dev/null || skip "there is no user postgres to start it as"
        as_other=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    postgres=$(newest_postgres)
    [ -n "$postgres" ] || skip "needs a postgresql package, which only root can install"
    password=$(python3 -c 'import secrets; print(secrets.token_hex(12))')
    port=$(free_port)
    mkdir "$work/server"
    printf '%s\n' "$password" >"$work/server/password"
    if [ "$(id -u)" = 0 ]; then
        chmod 711 "$work"
        chown -R postgres "$work/server"
    fi
    # In a folder that the other one may be in, and with no output of ours, which the server would keep open.
    printf '#!/bin/sh\ncd "%s" && exec %s "%s/pg_ctl" -s -w -D "%s/data" -l "%s/log" "$@"\n' \
        "$work/server" "${as_other[*]}" "$postgres" "$work/server" "$work/server" >"$work/pg_ctl"
    chmod 755 "$work/pg_ctl"
    trap 'stop_postgres; finish' EXIT
    (cd "$work/server" && "${as_other[@]}" "$postgres/initdb" -D "$work/server/data" -U bellwire -A scram-sha-256 \
        --pwfile="$work/server/password" -E UTF8 --no-locale --no-sync) >"$work/initdb.log" 2>&1 \
        || { cat "$work/initdb.log"; fail "no database could be made"; }
    [ -z "$also" ] || echo "host all all $also/24 scram-sha-256" >>"$work/server/data/pg_hba.conf"
    "$work/pg_ctl" -o "-p $port -c listen_addresses=127.0.0.1${also:+,$also} -c unix_socket_directories='$work/server' -c max_connections=300" start \
        || { cat "$work/server/log"; fail "no server"; }
    PGPASSWORD=$password "$postgres/createdb" -h 127.0.0.1 -p "$port" -U bellwire bellwire || fail "no database"
    address="postgres://bellwire:$password@127.0.0.1:$port/bellwire?sslmode=disable"
    restart_postgres="\"$work/pg_ctl\" restart -m"
}

stop_postgres() { "$work/pg_ctl" stop -m immediate >/dev/null 2>&1 || true; }
