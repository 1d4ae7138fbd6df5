#!/usr/bin/env python3
"""Measures polystore against its peers: interleaved rounds in one run, ratios of medians.

    benches/run.py quick [GROUP...]     12 wells, 5 rounds
    benches/run.py full  [GROUP...]     96 wells, 3 rounds

Needs `cargo build --release -p polystore-benches` and `benches/peers/install.sh`. Plates
are made once below target/bench-plates. Prints a table and writes it to benches/RESULTS.md
under the group's heading.
"""

import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = ROOT / "target" / "release" / "polystore-bench"
PYTHON = ROOT / "target" / "peers-venv" / "bin" / "python"
PEER = ROOT / "benches" / "peers" / "peer.py"
MAKER = ROOT / "benches" / "peers" / "plates.py"
PLATES = pathlib.Path(os.environ.get("POLYSTORE_BENCH_PLATES", ROOT / "target" / "bench-plates"))
RESULTS = ROOT / "benches" / "RESULTS.md"


def environment() -> dict[str, str]:
    """Without the workplace's OpenBLAS settings, which slow a current numpy."""
    return {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}


class Contestant:
    """A warm process that does one job per line it is sent."""

    def __init__(self, name: str, command: list) -> None:
        self.name, self.rounds = name, []
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended without an answer (exit {self.process.wait()})")
        return json.loads(line)

    def round(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.rounds.append(self.answer())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)

    @property
    def seconds(self) -> float:
        return statistics.median(entry["seconds"] for entry in self.rounds[1:] or self.rounds)


def ours(job: str, *arguments) -> list:
    return [OURS, job, *arguments]


def peer(name: str, *arguments) -> list:
    return [PYTHON, PEER, name, *arguments]


def has_polystore() -> bool:
    """Whether PolyStore is there; the script that installs the peers says when it is not."""
    return not subprocess.run([PYTHON, "-c", "import polystore.zarr"], capture_output=True, env=environment()).returncode


def plate(kind: str, name: str, *arguments) -> pathlib.Path:
    path = PLATES / name
    if not path.exists():
        PLATES.mkdir(parents=True, exist_ok=True)
        subprocess.run([PYTHON, MAKER, kind, path, *map(str, arguments)], check=True, env=environment())
    return path


def contest(
    title: str, contestants: dict[str, list], rounds: int, target: str = "", unit: str = "MB/s", warm: bool = False
) -> list[str]:
    """Runs the rounds interleaved (one warm-up each) and returns the lines of a table.

    With `warm` everybody goes twice in a round and the second time counts: jobs of a few
    milliseconds are else decided by who had the processor's caches before.
    """
    running = [Contestant(name, command) for name, command in contestants.items()]
    for _ in range(rounds + 1):
        for contestant in running:
            contestant.round()
            if warm:
                contestant.rounds.pop()
                contestant.round()
    for contestant in running:
        contestant.close()
    base = running[0]
    lines = ["", f"**{title}**" + (f" (target: {target})" if target else ""), "", f"| who | median s | {unit} | polystore is |", "| --- | --- | --- | --- |"]
    for contestant in running:
        amount = contestant.rounds[-1]["amount"]
        rate = amount / contestant.seconds / (1e6 if unit == "MB/s" else 1)
        # Of bytes and calls by the rate, for slow peers are given less to do; of names by the time.
        by_rate = unit in ("MB/s", "calls/s")
        per = [entry.seconds / (entry.rounds[-1]["amount"] if by_rate else 1) for entry in (contestant, base)]
        ratio = "" if contestant is base else f"{per[0] / per[1]:.2f} x"
        lines.append(f"| {contestant.name} | {contestant.seconds:.4f} | {rate:.0f} | {ratio} |")
    print("\n".join(lines), flush=True)
    return lines


def group_tiff(wells: int, rounds: int) -> list[str]:
    lines = []
    targets = {
        "none": "2 x tifffile's loop, 60 % of the aligned-read ceiling",
        "lzw": "1.5 x tifffile with two threads",
        "deflate": "1.1 x tifffile with two threads, within 10 % of the codec's rate",
        "zstd": "1.1 x tifffile with two threads, within 10 % of the codec's rate",
    }
    for codec, target in targets.items():
        path = plate("tiff", f"tiff-{codec}-{wells}", "--wells", wells, "--codec", codec)
        contestants = {"polystore": ours("read", path)}
        contestants["tifffile loop"] = peer("tifffile-loop", path)
        contestants["tifffile 2 threads"] = peer("tifffile-2threads", path)
        if codec == "none":
            contestants["ceiling: aligned reads, 2 threads"] = ours("ceiling-read", path)
            contestants["polystore, memory map"] = ours("read", path, "--map")
        elif codec != "lzw":
            contestants["ceiling: codec alone, 2 threads"] = ours("ceiling-decode", path, "--codec", codec)
        lines += contest(f"Read all planes, TIFF {codec}, {wells} wells", contestants, rounds, target)
    return lines


def group_zarr(wells: int, rounds: int) -> list[str]:
    lines = []
    if has_polystore():
        path = plate("zarr", f"zarr-0.4-zstd-{wells}", "--wells", wells, "--codec", "zstd", "--version", "0.4")
        theirs = plate("polystore", "polystore-12", "--wells", 12)
        contestants = {
            "polystore": ours("read", path),
            "PolyStore (Python) reading its own store": peer("polystore-read", theirs, "--count", 12),
        }
        lines += contest(f"Read all planes, PolyStore's zarr, {wells} wells", contestants, min(rounds, 3), "10 x PolyStore")
    for version in ("0.4", "0.5"):
        for codec in ("zstd", "blosc", "none"):
            path = plate("zarr", f"zarr-{version}-{codec}-{wells}", "--wells", wells, "--codec", codec, "--version", version)
            contestants = {
                "polystore": ours("read", path),
                "tensorstore": peer("tensorstore-read", path, "--version", version),
                "zarr-python": peer("zarr-python-read", path, "--version", version),
            }
            lines += contest(f"Read all planes, OME-Zarr {version} {codec}, {wells} wells", contestants, rounds, "tensorstore's rate")
            contestants = {
                "polystore": ours("read", path, "--random", 40),
                "tensorstore": peer("tensorstore-read", path, "--version", version, "--count", 40),
            }
            lines += contest(f"40 random planes, OME-Zarr {version} {codec}", contestants, rounds, "tensorstore's rate")
    return lines


def group_open(wells: int, rounds: int) -> list[str]:
    names = plate("names", "names-1536x9x5", "--wells", 1536, "--fields", 9, "--channels", 5)
    contestants = {
        "polystore, no cache": ours("open", names, "--no-cache"),
        "listing the folder alone": ours("ceiling-list", names),
        "python scandir + regex": peer("scandir-regex", names),
        "python glob + stat": peer("glob-stat", names),
        "polystore, structure cache": ours("open", names),
    }
    title = "Open 1536 wells x 9 fields x 5 channels, ImageXpress (69 120 files; OpenHCS: 16.5 s for 13 824)"
    lines = contest(title, contestants, 2 * rounds, "1.5 x the listing, 100 x OpenHCS", "files/s", warm=True)
    for version in ("0.4", "0.5"):
        path = plate("zarr-names", f"zarr-names-{version}", "--wells", 1536, "--fields", 9, "--version", version)
        contestants = {
            "polystore, no cache": ours("open", path, "--no-cache"),
            "ome-zarr-py": peer("ome-zarr-open", path),
            "tensorstore (opens every array)": peer("tensorstore-open", path, "--version", version),
            "polystore, structure cache": ours("open", path),
        }
        title = f"Open 1536 wells x 9 fields, OME-Zarr {version}"
        lines += contest(title, contestants, min(rounds, 3), "20 x ome-zarr-py, 500 x from the cache", "images/s", warm=True)
    return lines


def group_convert(wells: int, rounds: int) -> list[str]:
    wells = min(wells, 12)
    path = plate("tiff", f"tiff-none-{wells}", "--wells", wells, "--codec", "none")
    one = plate("tiff", "tiff-none-1", "--wells", 1, "--codec", "none")
    # A new place, which is removed at the end only: making files just after thousands were
    # deleted is several times slower on ext4, and that is no part of converting.
    out = PLATES / f"converted-{time.time_ns()}"

    def mine(source: pathlib.Path, name: str, codec: str, levels: int) -> list:
        return ours("convert", source, "--out", out / name, "--codec", codec, "--levels", levels)

    versus = {
        "polystore, default codec (blosc:zstd:1)": mine(one, "one-default", "blosc:zstd:1", 5),
        "ome-zarr-py": peer("ome-zarr-convert", one, "--out", out / "ome"),
        "polystore, ome-zarr-py's codec (zstd:3)": mine(one, "one", "zstd", 5),
    }
    lines = contest("TIFF to OME-Zarr 0.5 with a pyramid, 1 well", versus, rounds, "15 x ome-zarr-py")
    for codec, target in (("zstd", "tensorstore's rate"), ("blosc", "1.2 x tensorstore"), ("blosc:zstd:1", "")):
        contestants = {"polystore": mine(path, f"ours-{codec}", codec, 1)}
        if target:
            contestants["tensorstore"] = peer("tensorstore-convert", path, "--out", out / f"tensorstore-{codec}", "--codec", codec)
        contestants["polystore, with pyramid"] = mine(path, f"pyramid-{codec}", codec, 5)
        target = ", ".join(filter(None, [target, "a pyramid at most 1.5 x as long"]))
        lines += contest(f"TIFF to OME-Zarr 0.5 {codec}, {wells} wells", contestants, rounds, target)
    shutil.rmtree(out)
    return lines


def group_pipeline(wells: int, rounds: int) -> list[str]:
    wells = min(wells, 12)
    path = plate("tiff", f"tiff-none-{wells}", "--wells", wells, "--codec", "none")
    contestants = {
        "polystore": ours("pipeline", path),
        "scikit-image": peer("skimage", path, "--count", 24),
        "scikit-image, 2 processes": peer("skimage-2procs", path, "--count", 48),
    }
    return contest(f"Pipeline (normalise, gaussian, Otsu, label, measure), {wells} wells", contestants, rounds, "")


def group_memory(_wells: int, _rounds: int) -> list[str]:
    """Peak memory and time of a conversion as wells grow (each in a process of its own)."""
    lines = ["", "**Peak memory and time as wells grow** (pipeline run; target: memory constant, time linear)", ""]
    lines += ["| wells | seconds | seconds per well | peak MB |", "| --- | --- | --- | --- |"]
    for wells in (12, 96, 384):
        path = plate("tiff", f"tiff-zstd-{wells}", "--wells", wells, "--codec", "zstd")
        contestant = Contestant("polystore", ours("pipeline", path, "--out", PLATES / "results"))
        contestant.round()
        entry = contestant.rounds[0]
        contestant.close()
        lines.append(f"| {wells} | {entry['seconds']:.1f} | {entry['seconds'] / wells:.3f} | {entry['peak_mb']:.0f} |")
        print(lines[-1], flush=True)
    return lines


def group_ice(_wells: int, rounds: int) -> list[str]:
    """Against the official Ice runtime; needs `cargo build --release -p polystore-ice-benches`
    and a Python 3.10 with omero-py in POLYSTORE_ICE_PYTHON."""
    bench = pathlib.Path(os.environ.get("POLYSTORE_ICE_BENCH", ROOT / "target" / "release" / "ice-bench"))
    python = os.environ.get("POLYSTORE_ICE_PYTHON")
    if not python:
        raise SystemExit("set POLYSTORE_ICE_PYTHON to a Python 3.10 with zeroc-ice and omero-py")
    server = subprocess.Popen([bench, "serve"], stdout=subprocess.PIPE, text=True)
    ports = json.loads(server.stdout.readline())
    here = f"tcp://127.0.0.1:{ports['ice']}"

    def mine(job: str, *arguments) -> list:
        return [bench, job, *arguments]

    def official(job: str, count: int = 1) -> list:
        return [python, ROOT / "benches" / "peers" / "ice_peer.py", job, ports["ice"], count]

    try:
        contestants = {
            "ice": mine("projection", here),
            "official runtime (Python)": official("projection"),
            "ice, decoding alone": mine("decode", here),
        }
        title = "Projection of 13 824 rows and 16 columns, call and answer over loopback"
        lines = contest(title, contestants, rounds, "10 x the official runtime", "cells/s")
        contestants = {
            "ice, two in flight": mine("planes", here, "--in-flight", 2),
            "ice, one after the other": mine("planes", here),
            "official runtime and numpy, one after the other": official("planes", 50),
            "ceiling: the bytes from a socket, two in flight": mine("ceiling-socket", f"127.0.0.1:{ports['raw']}"),
            "ceiling: a copy in memory, 50 planes": mine("ceiling-copy", "--distinct", 50),
            "the same of one plane, which the caches hold": mine("ceiling-copy"),
        }
        lines += contest("50 planes of 2 MB from the socket to numbers", contestants, rounds, "3 x a copy")
        lines += [
            "",
            "A plane that arrives is in no cache of the processor, and so are the 50 that are copied. The",
            "clients have one thread for the work of a connection: more only wake one another.",
        ]
        contestants = {
            "ice, 256 in flight": mine("calls", here),
            "official runtime, 256 in flight": official("calls-in-flight", 20_000),
            "official runtime, one after the other": official("calls", 20_000),
            "ice, one after the other": mine("calls", here, "--in-flight", 1, "--count", 20_000),
        }
        lines += contest("Small calls over loopback", contestants, rounds, "5 x omero-py", "calls/s")
    finally:
        server.kill()
    return lines


GROUPS = {
    "ice": group_ice,
    "tiff": group_tiff,
    "zarr": group_zarr,
    "open": group_open,
    "convert": group_convert,
    "pipeline": group_pipeline,
    "memory": group_memory,
}


def machine() -> str:
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, {time.strftime('%Y-%m-%d')}"


def record(group: str, scale: str, lines: list[str]) -> None:
    """Replaces the group's section of RESULTS.md."""
    heading = f"## {group}"
    text = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    before, _, rest = text.partition(f"{heading}\n")
    after = rest[rest.index("\n## ") + 1 :] if "\n## " in rest else ""
    body = "\n".join([f"Command: `benches/run.py {scale} {group}`. Machine: {machine()}.", *lines])
    RESULTS.write_text(f"{before.rstrip()}\n\n{heading}\n\n{body}\n\n{after}".rstrip() + "\n")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in ("quick", "full") or not set(sys.argv[2:]) <= set(GROUPS):
        raise SystemExit(__doc__ + "\nGroups: " + ", ".join(GROUPS))
    scale = sys.argv[1]
    wells, rounds = (12, 5) if scale == "quick" else (96, 3)
    for group in sys.argv[2:] or GROUPS:
        print(f"\n## {group}", flush=True)
        record(group, scale, GROUPS[group](wells, rounds))


if __name__ == "__main__":
    main()
