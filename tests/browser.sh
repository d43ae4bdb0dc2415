#!/usr/bin/env bash
# The status page in a real browser: a headless Chromium logs in, sees an event arrive, retries a dead letter, and does
# it all again without scripts. axe-core judges every page, light and dark, at the width of a phone and of a desk. With
# SCREENSHOTS=FOLDER there is a picture of each. Then the page of two instances that share a queue on a PostgreSQL server.
# Skips, loudly, where Chromium or axe-core cannot be had, and the last part where no server can be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/postgres.sh"

needs npm curl
have_chromium() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }
have_chromium || {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
        && apt-get install -y chromium chromium-driver >"$work/apt.log" 2>&1 || true
}
have_chromium || skip "no Chromium with its driver can be had (in Debian: chromium, chromium-driver)"
install_npm "$work/axe" axe-core@4.14.1 || skip "axe-core cannot be had"

port=$(free_port)
chromedriver --port="$port" >"$work/chromedriver.log" 2>&1 &
pids+=($!)
until_ready "the browser's driver" curl -fsS "http://127.0.0.1:$port/status" || fail "the browser's driver"

export BELLWIRE_WEBDRIVER="http://127.0.0.1:$port" BELLWIRE_AXE="$work/axe/node_modules/axe-core/axe.min.js"
if [ -n "${SCREENSHOTS:-}" ]; then
    mkdir -p "$SCREENSHOTS"
    BELLWIRE_SCREENSHOTS=$(cd "$SCREENSHOTS" && pwd)
    export BELLWIRE_SCREENSHOTS
fi
# One after the other: each has a browser of its own, which is enough for a small machine.
look() { # look COUNT [OPTION...]: so many tests
    local count=$1; shift
    cargo test --locked --test it browser:: -- --nocapture --test-threads=1 "$@" 2>&1 | tee "$work/tests.log" || fail "see above"
    ! grep -q "SKIPPED" "$work/tests.log" || fail "the tests found no browser, or no server"
    grep -q "test result: ok. $count passed" "$work/tests.log" || fail "not every test was run"
}
look 3 --skip browser::instances
echo "the status page works in $(chromium --version 2>/dev/null)"
needs python3
start_postgres
export BELLWIRE_TEST_POSTGRES=$address
look 1 --skip browser::a_ --skip browser::without_
echo "and so does that of instances that share a queue on $("$postgres/postgres" --version)"
