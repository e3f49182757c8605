"""Looks for broken links and anchors: in the repository's pages, and with `--site` in what mdBook made of them.

Nothing is asked over the network: addresses elsewhere are not followed.
"""

import html.parser
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^()\s]*\))?)>?(?:\s+\"[^\"]*\")?\s*\)")
CODE = re.compile(r"(`+)(?:(?!\1).)+\1")
FENCE = re.compile(r"^\s*(```+|~~~+)")


def prose(text):
    """The lines of a page that stand in no fenced block, with their numbers."""
    fence = None
    for number, line in enumerate(text.split("\n"), 1):
        found = FENCE.match(line)
        if found and fence is None:
            fence = found[1]
        elif found and found[1].startswith(fence):
            fence = None
        elif fence is None:
            yield number, line


def anchors(text):
    """The anchors of a page's headings, as code hosts and mdBook make them."""
    known = set()
    for _, line in prose(text):
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if heading:
            words = LINK.sub(lambda link: link[0].split("](")[0][1:], heading[1]).lower()
            name = "".join(c for c in words.replace(" ", "-") if c.isalnum() or c in "-_")
            number = 0
            while name + (f"-{number}" if number else "") in known:
                number += 1
            known.add(name + (f"-{number}" if number else ""))
        known.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return known


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def broken_in_pages():
    """What is broken in the Markdown files, and how many links were looked at."""
    known, broken, looked = {}, [], 0
    for page in pages():
        for number, line in prose(page.read_text(encoding="utf-8")):
            for link in LINK.finditer(CODE.sub(lambda code: "x" * len(code[0]), line)):
                target, _, anchor = urllib.parse.unquote(link[1]).partition("#")
                if re.match(r"[a-z][a-z+.-]*:", target):
                    continue
                looked += 1
                place = (page.parent / target).resolve() if target else page
                where = f"{page.relative_to(ROOT)}:{number}: {link[1]}"
                if not place.is_relative_to(ROOT) or not place.exists():
                    broken.append(f"{where}: no such file")
                elif anchor and place.suffix == ".md":
                    if place not in known:
                        known[place] = anchors(place.read_text(encoding="utf-8"))
                    if anchor not in known[place]:
                        broken.append(f"{where}: no such heading")
    return broken, looked


class Page(html.parser.HTMLParser):
    """The links and the ids of a page of the site."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.update(attrs[name] for name in ("id", "name") if attrs.get(name))
        if tag in ("a", "img", "script", "link"):
            self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]


def broken_in_site(site):
    """What is broken in the built pages, and how many links were looked at."""
    # `print.html` is all pages in one; `404.html` is meant from wherever it is shown.
    left_out = ("print.html", "404.html", "toc.html")
    read = {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name not in left_out}
    broken, looked = [], 0
    for path, page in read.items():
        for link in page.links:
            target, _, anchor = urllib.parse.unquote(link).partition("#")
            if re.match(r"[a-z][a-z+.-]*:|//", target):
                continue
            looked += 1
            place = (path.parent / target.partition("?")[0]).resolve() if target else path
            place = place / "index.html" if place.is_dir() else place
            if not place.is_file():
                broken.append(f"{path.relative_to(ROOT)}: {link}: no such page")
            elif anchor and place in read and anchor not in read[place].ids:
                broken.append(f"{path.relative_to(ROOT)}: {link}: no such heading")
    return broken, looked


def main():
    if "--site" in sys.argv:
        broken, looked = broken_in_site(ROOT / "target/book/html")
    else:
        broken, looked = broken_in_pages()
    print("\n".join(broken + [f"{looked} links, {len(broken)} broken"]))
    # Without any link there was nothing to check.
    sys.exit(1 if broken or looked < 100 else 0)


if __name__ == "__main__":
    main()
