#!/usr/bin/env bash
# A real PostgreSQL server: the queue's own tests, once more with the queue on it, and those that only a server can have,
# among them one that ends connections in mid-use all the time; and the program that moves a queue there and back. Skips, loudly, where the package cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/postgres.sh"

needs python3
start_postgres
ask() { "$postgres/psql" "$1" -Atqc "$2"; }
wrong=${address/bellwire:*@/bellwire:wrong@}
told=$(ask "$wrong" "SELECT 1" 2>&1) && fail "it lets in whoever comes"
[[ $told == *"password authentication failed"* ]] || fail "it refuses for another reason: $told"

export BELLWIRE_TEST_POSTGRES=$address
cargo test --locked --lib store::tests:: -- --skip store::tests::file:: 2>&1 | tee "$work/tests.log"
if grep -q '^SKIPPED' "$work/tests.log"; then fail "a test was skipped, although there is a server"; fi
passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$work/tests.log")
[ "${passed:-0}" -gt 90 ] || fail "only ${passed:-no} tests were run"
schemas=$(ask "$address" "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'test\\_%'")
[ "$schemas" -gt 50 ] || fail "only $schemas tests had their queue on the server"
cargo test --locked --test it moving:: -- --nocapture 2>&1 | tee "$work/moving.log"
if grep -q '^SKIPPED' "$work/moving.log"; then fail "a test was skipped, although there is a server"; fi
grep -q '^test result: ok\. [1-9]' "$work/moving.log" || fail "no queue was moved"
echo "the queue on $("$postgres/postgres" --version): $passed tests, $schemas queues"
