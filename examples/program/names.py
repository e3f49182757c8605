"""Finds people who stand in a list twice, and keeps who was merged into whom. Standard library only.

Weir starts it once a call: `python3 names.py TOOL`, the arguments as JSON on stdin, the result as JSON on stdout.
`python3 names.py --describe` prints what it offers; `weir tools sync` keeps that in weir.lock.json.
"""

import difflib
import json
import os
import sys

KEPT = "merged.jsonl"

TEXT = {"type": "string"}
TOOLS = [
    {
        "name": "pairs",
        "description": "Pairs of names that are much alike, the likest first.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "names": {"type": "array", "items": TEXT},
                "least": {"type": "number", "minimum": 0, "maximum": 1, "description": "1 is the same name."},
            },
            "required": ["names"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {
                "pairs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"a": TEXT, "b": TEXT, "alike": {"type": "number", "minimum": 0, "maximum": 1}},
                        "required": ["a", "b", "alike"],
                    },
                }
            },
            "required": ["pairs"],
        },
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "merge",
        "description": "Notes that two names are one person.",
        "inputSchema": {
            "type": "object",
            "properties": {"keep": TEXT, "drop": TEXT},
            "required": ["keep", "drop"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {"id": TEXT, "new": {"type": "boolean"}},
            "required": ["id", "new"],
        },
        "annotations": {"readOnlyHint": False, "idempotentHint": True},
    },
]


def plain(name):
    """Lower case, words in order: "Berg, Ann" is "ann berg"."""
    return " ".join(sorted(name.lower().replace(",", " ").replace(".", " ").split()))


def pairs(names, least=0.85):
    found = []
    for at, a in enumerate(names):
        for b in names[at + 1 :]:
            alike = round(difflib.SequenceMatcher(None, plain(a), plain(b)).ratio(), 3)
            if alike >= least:
                found.append({"a": a, "b": b, "alike": alike})
    found.sort(key=lambda pair: (-pair["alike"], pair["a"], pair["b"]))
    return {"pairs": found}


def merge(keep, drop):
    if keep == drop:
        fail("invalid_input", f"{keep} cannot be merged into itself")
    known = {}
    if os.path.exists(KEPT):
        with open(KEPT, encoding="utf-8") as kept:
            known = {line["drop"]: line["keep"] for line in map(json.loads, kept)}
    if known.get(drop, keep) != keep:
        fail("conflict", f"{drop} was merged into {known[drop]} before")
    if drop in known:
        return {"id": drop, "new": False}
    with open(KEPT, "a", encoding="utf-8") as kept:
        kept.write(json.dumps({"keep": keep, "drop": drop}) + "\n")
    return {"id": drop, "new": True}


def fail(code, message):
    """A failure with a code that flows can catch; nothing was done."""
    print(json.dumps({"error": {"code": code, "message": message}}))
    sys.exit(1)


if __name__ == "__main__":
    if sys.argv[-1] == "--describe":
        print(json.dumps({"name": "names", "version": "1", "tools": TOOLS}))
    else:
        print(json.dumps({"pairs": pairs, "merge": merge}[sys.argv[-1]](**json.load(sys.stdin))))
