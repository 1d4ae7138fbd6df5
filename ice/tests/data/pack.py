"""Packs frames of the official Ice runtime and of a real OMERO.server for the tests.

    python3 ice/tests/data/pack.py REFERENCE

REFERENCE is the folder that has `ice/vectors/` and `omero-oracle/frames/`. Writes one JSON object
a line, compressed: `runtime.jsonl.bz2`, `malformed.jsonl.bz2`, `transcripts.jsonl.bz2`
and `server.jsonl.bz2`. README.md
beside this file says what they are and where they come from.
"""

import bz2
import json
import sys
from pathlib import Path

KEPT = ("name", "interface", "operation", "hex")


def packed(frame: dict, group: str) -> dict:
    out = {key: frame[key] for key in KEPT if frame.get(key)}
    out["set"] = group
    decoded = frame.get("decoded") or {}
    if "params" in decoded:
        out["params"] = decoded["params"]
    for key in ("result", "returns", "return"):
        if key in decoded:
            out["result"] = decoded[key]
            break
    if decoded.get("exception"):
        out["exception"] = decoded["exception"]
    if frame.get("reencode") == "byte-identical" or frame.get("encoding") == "1.1":
        out["identical"] = True
    return out


def write(path: Path, frames: list[dict]) -> None:
    text = "".join(json.dumps(frame, separators=(",", ":"), ensure_ascii=False) + "\n" for frame in frames)
    path.write_bytes(bz2.compress(text.encode()))
    print(f"{path.name}: {len(frames)} frames, {path.stat().st_size} bytes")


def runtime(folder: Path) -> list[dict]:
    frames = []
    for name in ("all_classes_enc11", "all_operations_enc11", "all_classes_enc10"):
        for line in (folder / f"{name}.jsonl").read_text().splitlines():
            frames.append(packed(json.loads(line), name))
    for group in ("enc11", "enc10", "enc11_sliced", "enc11_compressed"):
        for path in sorted((folder / group).glob("*.json")):
            frames.append(packed(json.loads(path.read_text()), group))
    return frames


def server(folder: Path) -> list[dict]:
    paths = (path for path in sorted(folder.glob("*.json")) if path.name != "INDEX.json")
    return [packed(json.loads(path.read_text()), "server") for path in paths]


def transcripts(folder: Path) -> list[dict]:
    lines = []
    for path in sorted(folder.glob("*.json")):
        for message in json.loads(path.read_text()):
            line = {"transcript": path.stem, "from": message["direction"].split("->")[0], "hex": message["hex"]}
            decoded = message.get("decoded") or {}
            lines.append(line | {key: decoded[key] for key in ("interface", "operation") if decoded.get(key)})
    return lines


def main() -> None:
    reference, here = Path(sys.argv[1]), Path(__file__).parent
    write(here / "server.jsonl.bz2", server(reference / "omero-oracle/frames"))
    write(here / "runtime.jsonl.bz2", runtime(reference / "ice/vectors"))
    write(here / "transcripts.jsonl.bz2", transcripts(reference / "ice/vectors/transcripts"))
    write(here / "malformed.jsonl.bz2", json.loads((reference / "ice/vectors/malformed.json").read_text()))


if __name__ == "__main__":
    main()
