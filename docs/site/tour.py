"""Follows the tour with a real `weir`, as a reader would: `python3 tour.py PATH_OF_WEIR`. Each `sh` block is run, and what
the tour says of its outcome is looked for."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.M | re.S)


class Reader:
    """Somebody who types what the tour says into a folder of their own."""

    def __init__(self, weir, folder):
        self.path = f"{Path(weir).parent}{os.pathsep}{os.environ['PATH']}"
        self.folder = Path(folder)

    def run(self, script):
        """Output of a block; what `cd` it holds stays for the next ones."""
        moved = re.search(r"^cd (\w+)$", script, re.M)
        done = subprocess.run(["bash", "-e", "-c", script], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "PATH": self.path, "NO_COLOR": "1"})
        if moved:
            self.folder /= moved[1]
        if done.returncode != 0:
            sys.exit(f"tour: this fails:\n{script}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")


def need(said, *words):
    for word in words:
        if word not in said:
            sys.exit(f"tour: `{word}` is not in\n{said}")


def follow(reader, tour):
    blocks = [(block[1], block[2], tour[: block.start()].rsplit("## ", 1)[1][0]) for block in BLOCK.finditer(tour)]
    before = ""
    said = {}
    for kind, text, step in blocks:
        if kind == "flow":
            if step == "5":
                reader.write("flows/orders.flow", before.split("coordinator main")[0])
            reader.write("flows/main.flow", text)
            before = text
        elif kind == "text" and text.startswith("id,email"):
            reader.write("data/orders.csv", text)
        elif kind == "toml":
            project = (reader.folder / "weir.toml").read_text(encoding="utf-8")
            need(project, "allow_delivery = false")
            reader.write("weir.toml", project.replace("allow_delivery = false", "allow_delivery = true") + "\n" + text)
        elif kind == "sh" and "cargo install" not in text:
            said[step] = said.get(step, "") + reader.run(text)
    need(said["2"], "2 records", "bo lind")
    need(said["3"], '"value":4')
    need(said["4"], "order A-3 has no address", "order A-2 costs nothing", "2 records")
    need(said["5"], '"booked":["A-1","A-4"],"digest":"disabled"', "1 × store.insert; all undone", '{"value":null}')
    need(said["6"], '"digest":"sent"', '"digest":"duplicate"')
    if len(list((reader.folder / "outbox").glob("*.eml"))) != 1:
        sys.exit("tour: there is not exactly one mail in the outbox")
    refused(reader, before)


def refused(reader, main):
    """What the tour says that the check refuses."""
    send = 'mail.send(to: "x@acme.test", subject: "Hi", body: "")'
    edits = {
        "missing-undo": ('\n    undo store.delete(collection: "invoices", id: it.id)', ""),
        "send-outside-delivery": ("  booked = compact(entries)", f"  {send}\n  booked = compact(entries)"),
        "untrusted-to-trusted": ('to: "team@acme.test"', 'to: first(orders) ?? ""'),
        "unsafe-retry": ('value: { total: order.total })', 'value: { total: order.total }) retry 5 on timeout'),
        "unknown-field": ("return { booked, digest: told.status }", "return { booked, digest: told.statsu }"),
    }
    for rule, (old, new) in edits.items():
        need(main, old)
        reader.write("flows/main.flow", main.replace(old, new))
        need(reader.run("weir check --format short || true"), rule)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        follow(Reader(sys.argv[1], empty), (ROOT / "docs/tour.md").read_text(encoding="utf-8"))
    print("the tour does what it says")
