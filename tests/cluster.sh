#!/usr/bin/env bash
# Several instances with one queue on a real PostgreSQL server: they are killed, stopped in the middle and cut off, and
# the server is restarted, once properly and once as by a crash. Nothing is lost, nothing is done by two at a time, and
# whoever is gone is replaced in time. A few thousand events; fifty thousand with CLUSTER=whole, which takes some minutes.
# Skips, loudly, where the package cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/postgres.sh"

needs python3
start_postgres
export BELLWIRE_TEST_POSTGRES=$address
export BELLWIRE_TEST_POSTGRES_RESTART="$restart_postgres \"\$1\""
cargo test --locked --test it cluster:: -- --nocapture --test-threads=1 2>&1 | tee "$work/tests.log"
if grep -q 'SKIPPED' "$work/tests.log"; then fail "a test was skipped, although there is a server"; fi
passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$work/tests.log")
[ "${passed:-0}" -ge 4 ] || fail "only ${passed:-no} tests were run"
grep -q ' 2 restarts;' "$work/tests.log" || fail "the server was never restarted"
echo "several instances share a queue on $("$postgres/postgres" --version)"
