#!/usr/bin/env bash
# Makes the list of what is in the program, as CycloneDX 1.5, for the system that it runs on, and has it judged by the
# format's own library: `tests/sbom.sh FILE`. For releases, and by hand: what it needs takes minutes to compile.
. "$(dirname "$0")/parts/common.sh"

file=$(realpath -m "${1:-$work/bellwire.cdx.json}")
needs python3 cargo rustc
command -v cargo-cyclonedx >/dev/null || {
    cargo install cargo-cyclonedx --version 0.5.9 --locked --root "$work/cargo" >"$work/log" 2>&1 || { tail "$work/log"; fail "cargo-cyclonedx cannot be had"; }
    PATH=$work/cargo/bin:$PATH
}
install_python "$work/python" 'cyclonedx-python-lib[json-validation]==11.12.0' || fail "CycloneDX's library cannot be had"

# It writes beside the manifest, so it gets a copy of what it reads.
mkdir "$work/bellwire"
cp -r Cargo.toml Cargo.lock src "$work/bellwire/"
target=$(rustc -vV | sed -n 's/^host: //p')
(cd "$work/bellwire" && SOURCE_DATE_EPOCH=$(git -C "$OLDPWD" log -1 --format=%ct 2>/dev/null || date +%s) \
    cargo cyclonedx --format json --spec-version 1.5 --describe binaries --target "$target") || fail "cargo-cyclonedx"
mkdir -p "$(dirname "$file")"
mv "$work/bellwire/bellwire_bin.cdx.json" "$file"
cargo tree --locked --edges normal,build --target "$target" --prefix none --format '{p}' | sort -u >"$work/tree"
"$work/python/bin/python" - "$file" "$work/tree" <<'P' || fail "see above"
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1]).read()
wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
assert wrong is None, wrong
document = json.loads(text)
listed = {(part["name"], part["version"]) for part in document["components"]}
# Lines are "name vVERSION" and, behind it, what kind of crate it is.
tree = {(words[0], words[1].removeprefix("v")) for words in map(str.split, open(sys.argv[2])) if words and words[0] != "bellwire"}
assert len(tree) > 100 and listed == tree, listed ^ tree
assert all(part.get("licenses") for part in document["components"]), "a part without a licence"
print(f"{sys.argv[1]}: {len(listed)} crates, as cargo has them")
P
