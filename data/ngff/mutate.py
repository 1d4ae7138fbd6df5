#!/usr/bin/env python3
"""Mutants of the official cases, judged by the official schemas.

    pip install jsonschema
    mutate.py NGFF_DIR      # a folder with the schemas of 0.4, 0.5 and 0.6rc0

Writes mutants.jsonl: documents with one to three random changes, as many valid as invalid
ones for each version, and the verdict of the Python package `jsonschema` over the schema
named in `kind` and `strict`. Transformations of 0.6rc0 without a `type` are left out: its
schema takes them for identities, its text does not allow them.
"""

import copy
import json
import random
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

HERE = Path(__file__).resolve().parent
EACH = 120
LONGEST = 900
VALUES = [None, True, 0, 1, -1, 2.0, 2.5, 1e30, "", "A", "0", "space", "time", "scale", [], {}, [1, 1],
          [1.5, 2], [0, 0], ["a"], {"name": "q"}, {"path": "0"}, "0.4", "0.5", "0.6rc0", 255, 256, 3,
          [[1, 0], [0, 1]], "field_0", "A/1", "A/1/2", {"type": "scale", "scale": [1, 1]},
          {"type": "translation", "translation": [1, 1]}]
KEYS = ["name", "path", "type", "unit", "version", "acquisition", "id", "scale", "window", "color",
        "rgba", "label-value", "field_count", "rowIndex", "omero", "input", "output", "axes", "colors",
        "properties", "image", "metadata", "coordinateTransformations"]


def schemas(folder):
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.schema")}
    resources = [Resource.from_contents(s, default_specification=DRAFT202012) for s in found.values()]
    registry = resources @ Registry()
    return {name: Draft202012Validator(s, registry=registry) for name, s in found.items()}


def places(value, at=()):
    if at:
        yield at
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*at, key))


def change(document, rng):
    *above, key = rng.choice(list(places(document)))
    parent = document
    for name in above:
        parent = parent[name]
    match rng.randrange(4):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        case 2 if isinstance(parent, dict):
            parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
        case _:
            parent[key] = copy.deepcopy(rng.choice(VALUES))


def has_untyped(value):
    if isinstance(value, list):
        return any(map(has_untyped, value))
    if not isinstance(value, dict):
        return False
    lists = [v for k, v in value.items() if k in ("coordinateTransformations", "transformations")]
    untyped = any("type" not in item for v in lists if isinstance(v, list) for item in v
                  if isinstance(item, dict) and "transformation" not in item)
    return untyped or any(map(has_untyped, value.values()))


def mutants(version, validators, rng):
    lines = (HERE / f"cases-{version}.jsonl").read_text().splitlines()
    cases = [c for c in map(json.loads, lines) if c["form"] == "attributes" and c["valid"]]
    wanted = {True: EACH, False: EACH}
    while any(wanted.values()):
        case = rng.choice(cases)
        document = copy.deepcopy(case["document"])
        for _ in range(rng.choice([1, 1, 2, 3])):
            if document:
                change(document, rng)
        schema = ("strict_" if case["strict"] else "") + case["kind"]
        valid = validators[schema].is_valid(document)
        text = json.dumps(document)
        is_new = document != case["document"]
        if is_new and wanted[valid] and len(text) < LONGEST and not has_untyped(document):
            wanted[valid] -= 1
            yield dict(name=f"{version} mutant of {case['name']}", version=version, form="attributes",
                       kind=case["kind"], strict=case["strict"], valid=valid, document=document)


def main():
    rng = random.Random(20240229)
    lines = []
    for version in ["0.4", "0.5", "0.6rc0"]:
        validators = schemas(Path(sys.argv[1]) / version / "schemas")
        lines += [json.dumps(m, separators=(",", ":")) for m in mutants(version, validators, rng)]
    (HERE / "mutants.jsonl").write_text("\n".join(lines) + "\n")
    print(len(lines), "mutants")


main()
