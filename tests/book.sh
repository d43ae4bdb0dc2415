#!/usr/bin/env bash
# The documentation as a book, built by a real mdBook: without a warning, with every page of the list and no other, and
# every link and heading of the built pages there. With BOOK=FOLDER the book stays there. Skips, loudly, where mdBook
# cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3
version=0.5.4
mdbook=$(command -v mdbook || true)
if [ -z "$mdbook" ]; then
    # Debian's program is quick to have, and wants a C library as new as itself.
    unpack_debian trixie mdbook "$work/debian" && "$work/debian/usr/bin/mdbook" --version >/dev/null 2>&1 \
        && mdbook=$work/debian/usr/bin/mdbook || mdbook=""
fi
if [ -z "$mdbook" ]; then
    cargo install "mdbook@$version" --locked --no-default-features --root "$work/cargo" >"$work/cargo.log" 2>&1 \
        || skip "no mdBook can be had"
    mdbook=$work/cargo/bin/mdbook
fi

book=$work/book
"$mdbook" build docs --dest-dir "$book" >"$work/log" 2>&1 || { cat "$work/log"; fail "mdBook does not build it"; }
! grep -iE 'warn|error' "$work/log" || fail "mdBook complains"

python3 - docs/src "$book" <<'P' || fail "see above"
import html.parser, os, pathlib, sys, urllib.parse
source, book = map(pathlib.Path, sys.argv[1:])
pages = {path.relative_to(source).with_suffix(".html") for path in source.rglob("*.md") if path.name != "SUMMARY.md"}
assert len(pages) > 15, pages
assert not (missing := [page for page in pages if not (book / page).is_file()]), f"not built: {missing}"

class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.text = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.add(attributes.get("id"))
        self.links += filter(None, [attributes.get("href") if tag == "a" else None, attributes.get("src") if tag == "img" else None])
    def handle_data(self, data):
        self.text.append(data)

built = {page: Page(book / page) for page in pages}
seen, wrong = 0, []
for page, content in built.items():
    assert "{{#" not in "".join(content.text), f"{page}: something was not included"
    for link in content.links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme:
            continue
        seen += 1
        target = pathlib.Path(os.path.normpath(page.parent / urllib.parse.unquote(parts.path))) if parts.path else page
        if not (book / target).exists():
            wrong.append(f"{page}: {link} is not there")
        elif parts.fragment and target in built and parts.fragment not in built[target].names:
            wrong.append(f"{page}: {link} has no such heading")
assert seen > 100 and not wrong, (seen, wrong)
print(f"{len(pages)} pages, {seen} links")
P
if [ -n "${BOOK:-}" ]; then
    mkdir -p "$BOOK" && cp -r "$book/." "$BOOK/"
fi
echo "the book is whole, by $("$mdbook" --version)"
