#!/usr/bin/env bash
# The schema of the configuration in the hands of Taplo, which is what editors ask: it finds the schema by the first line
# of the example, takes the example, and marks a mistake in a sink, a rule and at the top. Skips, loudly, where Taplo
# cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs node npm
install_npm "$work/npm" @taplo/cli@0.7.0 || skip "Taplo cannot be had"
taplo=$work/npm/node_modules/.bin/taplo
build_bellwire

"$bellwire" schema | cmp - deploy/config.schema.json || fail "another schema is committed"
"$taplo" lint config.example.toml >"$work/log" 2>&1 || { cat "$work/log"; fail "the example"; }
mkdir "$work/deploy"
cp deploy/config.schema.json "$work/deploy/"
(echo '#:schema ./deploy/config.schema.json'; cat tests/fixtures/whole.toml) >"$work/whole.toml"
"$taplo" lint "$work/whole.toml" >"$work/log" 2>&1 || { cat "$work/log"; fail "what the documents show"; }

refuses() { # refuses WHAT OLD NEW: a change of the example that is marked
    sed "0,/^$2/s//$3/" config.example.toml >"$work/config.toml"
    cmp -s config.example.toml "$work/config.toml" && fail "nothing was changed: $1"
    "$taplo" lint "$work/config.toml" >"$work/log" 2>&1 && fail "Taplo does not mark $1"
    grep -q 'schema validation failed' "$work/log" || { cat "$work/log"; fail "Taplo marks something else than $1"; }
}
refuses "an unknown key" 'data_dir = ' 'data_dri = '
refuses "a wrong word" 'format = "auto"' 'format = "xml"'
refuses "a number in place of a duration" 'events = "7d"' 'events = 7'
refuses "a missing key" 'topic = .*' ''
refuses "another kind's key" 'topic = ' 'url = "https:\/\/ntfy.sh"\ntopic = '
refuses "a rule without sinks" 'to = .*' ''
echo "Taplo takes the example and marks six mistakes"
