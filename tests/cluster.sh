#!/usr/bin/env bash
# Several instances with one queue on a real PostgreSQL server: they are killed, stopped in the middle and cut off, and
# the server is restarted, once properly and once as by a crash. Nothing is lost, nothing is done by two at a time, and
# whoever is gone is replaced in time. A few thousand events; fifty thousand with CLUSTER=whole, which takes some minutes.
# Skips, loudly, where the package cannot be had, and the network that is cut where there can be no networks.
. "$(dirname "$0")/parts/common.sh"
. "$parts/postgres.sh"
. "$parts/networks.sh"

needs python3
trap 'remove_networks; finish' EXIT
all=(cluster::)
if make_networks 3 2>"$work/networks.log"; then
    export BELLWIRE_TEST_NETWORKS=$networks BELLWIRE_TEST_NETWORKS_OTHERS=$network_of_others BELLWIRE_TEST_NETWORKS_CUT=$cut_network
else
    cat "$work/networks.log"
    echo "SKIPPED: the network between an instance and its queue is not cut, since no networks can be made"
    remove_networks
    network_of_queue=
    all+=(--skip cluster::networks)
fi
start_postgres
trap 'remove_networks; stop_postgres; finish' EXIT
export BELLWIRE_TEST_POSTGRES=$address
export BELLWIRE_TEST_NETWORKS_QUEUE=${address/127.0.0.1/$network_of_queue}
export BELLWIRE_TEST_POSTGRES_RESTART="$restart_postgres \"\$1\""
cargo test --locked --test it "${all[0]}" -- "${all[@]:1}" --nocapture --test-threads=1 2>&1 | tee "$work/tests.log"
if grep -q 'SKIPPED' "$work/tests.log"; then fail "a test was skipped, although there is a server"; fi
passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$work/tests.log")
wanted=10
[ -n "$network_of_queue" ] || wanted=9
[ "${passed:-0}" -ge "$wanted" ] || fail "only ${passed:-no} tests were run"
grep -q ' 2 restarts;' "$work/tests.log" || fail "the server was never restarted"
echo "several instances share a queue on $("$postgres/postgres" --version)"
