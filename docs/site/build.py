"""Lays the repository's own pages out as a book in `target/book`, for mdBook. Nothing is kept twice in the tree.

The pages keep their places, so links between them stay as they are; `README.md` becomes `index.md`. A link to a folder
becomes one to its page, and a file that is no page is copied beside, where a page links to it.
"""

import posixpath
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs/site"
BOOK = ROOT / "target/book"
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^\s*```")


def listed(folder, pattern):
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern))


def title(page):
    return (ROOT / page).read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ").strip()


def summary():
    """The table of contents: relative to the repository's root, with the pages that nobody has to list by hand."""
    text = (SITE / "SUMMARY.md").read_text(encoding="utf-8")
    for mark, pages in (("examples", listed("examples", "*/README.md")), ("rules", listed("lang/rules", "*.md"))):
        entries = "\n".join(f"  - [{title(page)}](../../{page})" for page in pages)
        text = text.replace(f"  <!-- {mark} -->", entries)
    return LINK.sub(lambda link: f"[{link[1]}]({from_root('docs/site', link[2])})", text)


def from_root(folder, link):
    return posixpath.normpath(posixpath.join(folder, link))


def outside_blocks(text, change):
    """`text` with `change` made to each line that stands in no fenced block."""
    inside = False
    lines = []
    for line in text.split("\n"):
        if FENCE.match(line):
            inside = not inside
            # mdBook's info string is one word.
            lines.append(line.replace("flow fragment", "flow"))
        else:
            lines.append(line if inside else change(line))
    return "\n".join(lines)


def rules_page():
    """The page that no file of the tree is: a list of the rules."""
    lines = ["# Rules", "", "`weir explain RULE` prints the same pages.", ""]
    for page in listed("lang/rules", "*.md"):
        first = (ROOT / page).read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")
        lines.append(f"- [`{title(page)}`]({posixpath.basename(page)}): {first}")
    return "\n".join(lines) + "\n"


class Layout:
    """Where each file of the repository stands in the book."""

    def __init__(self, toc):
        self.pages = {link[2] for link in LINK.finditer(toc)}
        self.copied = set()

    def place(self, path):
        """The path in the book of a path of the repository, or nothing where it has none."""
        if path in self.pages:
            if (ROOT / path).is_dir():
                return f"{path}/index.md"
            return re.sub(r"(^|/)README\.md$", r"\1index.md", path)
        if f"{path}/README.md" in self.pages:
            return f"{path}/index.md"
        if (ROOT / path).is_file():
            # mdBook leaves out what begins with a dot.
            self.copied.add(path)
            return "/".join(part.lstrip(".") for part in path.split("/"))
        return None

    def rewritten(self, page, link):
        target, mark, anchor = link[2].partition("#")
        if not target or ":" in target:
            return link[0]
        place = self.place(from_root(posixpath.dirname(page), target))
        if place is None:
            return link[1]
        here = posixpath.dirname(self.place(page))
        return f"[{link[1]}]({posixpath.relpath(place, here or '.')}{mark}{anchor})"


def lay_out():
    shutil.rmtree(BOOK, ignore_errors=True)
    source = BOOK / "src"
    source.mkdir(parents=True)
    for name in ("book.toml", "flow.js"):
        shutil.copy(SITE / name, BOOK / name)
    toc = summary()
    layout = Layout(toc)
    forgotten = [page for page in listed("docs", "*.md") + listed("docs/how-to", "*.md") if page not in layout.pages]
    if forgotten:
        sys.exit(f"docs/site/SUMMARY.md does not list {', '.join(forgotten)}")
    for page in sorted(layout.pages):
        file = ROOT / page
        text = rules_page() if file.is_dir() else file.read_text(encoding="utf-8")
        base = f"{page}/x" if file.is_dir() else page
        put(source / layout.place(page), outside_blocks(text, lambda line: LINK.sub(
            lambda link: layout.rewritten(base, link) if base == page else link[0], line)))
    for path in sorted(layout.copied):
        target = source / layout.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    put(source / "SUMMARY.md", LINK.sub(lambda link: f"[{link[1]}]({layout.place(link[2])})", toc))
    return len(layout.pages)


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(f"laid out {lay_out()} pages in {BOOK.relative_to(ROOT)}", file=sys.stderr)
