#!/usr/bin/env python3
"""Packs the official OME-Zarr cases into one file for each version.

    pack.py NGFF_DIR      # a folder with 0.4, 0.5 and 0.6rc0 as in ome/ngff-spec

Writes cases-VERSION.jsonl beside this script, one case a line:
    name        where it comes from
    form        "attributes", or "zarr" for the zarr.json of a hierarchy of metadata only
    kind        the schema it is meant for, without "strict_"
    strict      whether it is meant for the strict schema
    valid       what has to come out
    document    the JSON document, unchanged; a text where it is not valid JSON
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def case(name, form, schema, valid, document):
    kind = Path(schema).stem
    strict = kind.startswith("strict_")
    return dict(name=name, form=form, kind=kind.removeprefix("strict_"), strict=strict,
                valid=valid, document=document)


def suites(root):
    for path in sorted(root.glob("tests/*_suite.json")):
        suite = json.loads(path.read_text())
        for test in suite["tests"]:
            name = test.get("formerly", "unnamed")
            yield case(f"{path.stem}/{name}", "attributes", suite["schema"]["id"], test["valid"],
                       test["data"])


def without_comments(text):
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def examples(root):
    """Examples of whole documents; some of 0.6rc0 are fragments, which its schemas refuse."""
    for config in sorted(root.glob("examples/*/.config.json")):
        schema = json.loads(config.read_text())["schema"]
        for path in sorted(config.parent.glob("*.json")):
            if path != config and (root / schema).exists():
                document = json.loads(without_comments(path.read_text()))
                if root.name != "0.4" and "attributes" not in document:
                    continue
                document = document.get("attributes", document)
                yield case(str(path.relative_to(root)), "attributes", schema, True, document)


def trees(root):
    for form, pattern in [("attributes", "*.json"), ("zarr", "*.ome.zarr/zarr.json")]:
        base = root / "tests" / form
        for path in sorted(base.rglob(pattern)):
            name = path.relative_to(base)
            strictness, validity, kind, *_ = name.parts
            text = path.read_text()
            try:
                document = json.loads(text)
            except json.JSONDecodeError:
                document = text
            schema = {"transforms": "image"}.get(kind, kind)
            if strictness == "strict":
                schema = f"strict_{schema}"
            yield case(f"tests/{form}/{name}", form, schema, validity == "valid", document)


def main():
    source = Path(sys.argv[1])
    for version in ["0.4", "0.5", "0.6rc0"]:
        root = source / version
        cases = [*suites(root), *examples(root)]
        if (root / "tests" / "attributes").exists():
            cases += trees(root)
        lines = [json.dumps(c, separators=(",", ":"), ensure_ascii=False) for c in cases]
        (HERE / f"cases-{version}.jsonl").write_text("\n".join(lines) + "\n")
        print(version, len(cases), "cases,", sum(c["valid"] for c in cases), "valid")


main()
