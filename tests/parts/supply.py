"""What ties the workflows to the rest of the repository: the gate is .ci/run's, the toolchain Cargo.toml's, every action
one commit with the version that it is, and the changelog tells of the version that there is."""

import pathlib
import re
import sys

workflows = {pathlib.Path(name).name: pathlib.Path(name).read_text() for name in sys.argv[1:]}
manifest = pathlib.Path("Cargo.toml").read_text()

gate = [line for line in pathlib.Path(".ci/run").read_text().splitlines() if re.search(r"\bcargo ", line) and line[0] not in "# "]
steps = re.findall(r"^      - run: (.*)$", workflows["ci.yml"], re.M)
missing = [line for line in gate if line not in steps]
if len(gate) < 4 or missing:
    sys.exit(f"ci.yml leaves out of .ci/run: {missing or gate}")

rust = re.search(r'^rust-version = "(.+)"$', manifest, re.M)[1]
for name, text in workflows.items():
    others = set(re.findall(r"rustup \w+(?: install)? (\d[\d.]*)", text)) - {rust}
    if others:
        sys.exit(f"{name} installs Rust {others}, and Cargo.toml says {rust}")
    uses = re.findall(r"uses: (.*)$", text, re.M)
    loose = [action for action in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)]
    if not uses or loose:
        sys.exit(f"{name} uses what is no single commit: {loose}")
    if not re.search(r"^permissions:\n  contents: read$", text, re.M):
        sys.exit(f"{name} may do more than read unless a job says so")

version = re.search(r'^version = "(.+)"$', manifest, re.M)[1]
changelog = pathlib.Path("CHANGELOG.md").read_text()
headings = re.findall(r"^## \[(.+?)\]", changelog, re.M)
if headings[:2] != ["Unreleased", version]:
    sys.exit(f"CHANGELOG.md begins with {headings[:2]}, and Cargo.toml says {version}")
for line in pathlib.Path("LICENSE-MIT").read_text().splitlines()[2:3]:
    if not re.fullmatch(r"Copyright \(c\) \d{4} the bellwire developers", line):
        sys.exit(f"LICENSE-MIT: {line}")
