"""One peer doing one job, a round per line on standard input, a JSON answer per round.

    python peer.py PEER JOB PATH [--count N] [--out DIR] [--codec C] [--version V]

The process stays warm between rounds; `run.py` interleaves the rounds of several peers.
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import plates


def check(image: np.ndarray, ordinal: int) -> int:
    """Bytes of a plane whose watermark is right; anything else ends the bench."""
    found = int(image[0, 0]) | int(image[0, 1]) << 16
    if found != ordinal:
        raise SystemExit(f"plane {ordinal} has the watermark of plane {found}")
    return image.nbytes


NAME = re.compile(r"_([A-Z]+)(\d+)_s(\d+)_w(\d+)\.TIF$")


def tiff_files(path: pathlib.Path) -> list[tuple[str, int]]:
    names = sorted(os.listdir(path))
    wells = {}
    parsed = []
    for name in names:
        row, column, field, channel = NAME.search(name).groups()
        index = 0
        for letter in row:
            index = index * 26 + ord(letter) - 64
        parsed.append((name, (index - 1, int(column) - 1), int(field) - 1, int(channel) - 1))
    for ordinal, well in enumerate(sorted({well for _, well, _, _ in parsed})):
        wells[well] = ordinal
    return [(str(path / name), plates.ordinal_of(wells[well], field, channel)) for name, well, field, channel in parsed]


def zarr_fields(path: pathlib.Path, version: str) -> list[pathlib.Path]:
    if version == "0.4":
        plate = json.loads((path / ".zattrs").read_text())["plate"]
    else:
        plate = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["plate"]
    return [path / well["path"] / str(field) for well in plate["wells"] for field in range(plates.FIELDS)]


def tifffile_loop(args):
    import tifffile

    files = tiff_files(args.path)
    return lambda: sum(check(tifffile.imread(name), ordinal) for name, ordinal in files)


def tifffile_two(args):
    import tifffile

    files = tiff_files(args.path)
    pool = ThreadPoolExecutor(2)
    return lambda: sum(pool.map(lambda item: check(tifffile.imread(item[0]), item[1]), files))


def tensorstore_read(args):
    import tensorstore as ts

    driver = "zarr" if args.version == "0.4" else "zarr3"
    context = ts.Context({"cache_pool": {"total_bytes_limit": 0}, "data_copy_concurrency": {"limit": 2}})
    fields = zarr_fields(args.path, args.version)
    arrays = [
        ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(field / "0")}}, context=context, read=True).result()
        for field in fields
    ]
    if args.count:
        chooser = random.Random(7)
        wanted = [chooser.randrange(len(arrays) * plates.CHANNELS) for _ in range(args.count)]
        return lambda: sum(
            check(arrays[plane // plates.CHANNELS][0, plane % plates.CHANNELS, 0].read().result(), plane) for plane in wanted
        )

    def read() -> int:
        total = 0
        # A window of fields in flight keeps both cores busy without holding the plate.
        pending = []
        for number, array in enumerate(arrays):
            pending.append((number, array.read()))
            if len(pending) == 4:
                total += finish(*pending.pop(0))
        return total + sum(finish(*item) for item in pending)

    def finish(number, future) -> int:
        field = future.result()
        return sum(check(field[0, channel, 0], number * plates.CHANNELS + channel) for channel in range(plates.CHANNELS))

    return read


def zarr_python_read(args):
    import zarr

    arrays = [zarr.open_array(str(field / "0"), mode="r") for field in zarr_fields(args.path, args.version)]
    return lambda: sum(
        check(array[0, channel, 0], number * plates.CHANNELS + channel)
        for number, array in enumerate(arrays)
        for channel in range(plates.CHANNELS)
    )


def ome_zarr_open(args):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    return lambda: len(list(Reader(parse_url(str(args.path)))())[0].data) or 1


def tensorstore_open(args):
    import tensorstore as ts

    driver = "zarr" if args.version == "0.4" else "zarr3"

    def open_all() -> int:
        fields = [field for well in well_paths(args) for field in (well / str(number) for number in range(args.fields))]
        futures = [
            ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(field / "0")}}, read=True) for field in fields
        ]
        return sum(1 for future in futures if future.result().shape)

    return open_all


def well_paths(args) -> list[pathlib.Path]:
    if args.version == "0.4":
        plate = json.loads((args.path / ".zattrs").read_text())["plate"]
    else:
        plate = json.loads((args.path / "zarr.json").read_text())["attributes"]["ome"]["plate"]
    return [args.path / well["path"] for well in plate["wells"]]


def glob_stat(args):
    def listed() -> int:
        return sum(1 for path in args.path.glob("*.TIF") if path.stat())

    return listed


def scandir_regex(args):
    def listed() -> int:
        with os.scandir(args.path) as entries:
            return sum(1 for entry in entries if NAME.search(entry.name))

    return listed


def new_places(folder: pathlib.Path):
    """A new place for every round: deleting is no part of converting, and slows what follows."""
    shutil.rmtree(folder, ignore_errors=True)
    return (folder / str(number) for number in itertools.count())


def tensorstore_convert(args):
    """TIFF by tifffile to zarr by tensorstore with the same codec and chunks, two threads."""
    import tensorstore as ts
    import tifffile

    files = tiff_files(args.path)
    pool = ThreadPoolExecutor(2)
    places = new_places(args.out)

    def convert() -> int:
        out = next(places)
        fields = max(ordinal for _, ordinal in files) // plates.CHANNELS + 1
        arrays = [
            ts.open(plates.array_spec(out / str(number) / "0", args.codec, args.version), create=True).result()
            for number in range(fields)
        ]

        def one(item) -> int:
            name, ordinal = item
            image = tifffile.imread(name)
            arrays[ordinal // plates.CHANNELS][0, ordinal % plates.CHANNELS, 0].write(image).result()
            return check(image, ordinal)

        return sum(pool.map(one, files))

    return convert


def ome_zarr_convert(args):
    """TIFF by tifffile to zarr by ome-zarr-py's writer with its default pyramid."""
    import tifffile
    import zarr
    from ome_zarr.writer import write_image

    files = sorted(tiff_files(args.path), key=lambda item: item[1])
    places = new_places(args.out)

    def convert() -> int:
        out = next(places)
        total = 0
        for first in range(0, len(files), plates.CHANNELS):
            images = [tifffile.imread(name) for name, _ in files[first : first + plates.CHANNELS]]
            stack = np.stack(images)[None, :, None]
            group = zarr.open_group(str(out / str(first // plates.CHANNELS)), mode="w")
            write_image(stack, group, axes="tczyx", storage_options={"chunks": (1, 1, 1, plates.SIDE, plates.SIDE)})
            total += stack.nbytes
        return total

    return convert


def measure(name: str) -> int:
    """The pipeline of `pipelines/bench.toml` with scikit-image, on one plane."""
    import tifffile
    from skimage import exposure, filters, measure as objects

    image = tifffile.imread(name)
    low, high = np.percentile(image, (1, 99.8))
    scaled = exposure.rescale_intensity(image.astype(np.float32), in_range=(float(low), float(high)), out_range=(0.0, 1.0))
    smooth = filters.gaussian(scaled, 2.0)
    labels = objects.label(smooth > filters.threshold_otsu(smooth))
    table = objects.regionprops_table(labels, image, properties=("label", "area", "centroid", "mean_intensity", "eccentricity"))
    return image.nbytes if len(table["label"]) >= 0 else 0


def skimage_pipeline(args):
    files = [name for name, _ in tiff_files(args.path)][: args.count or None]
    return lambda: sum(measure(name) for name in files)


def skimage_pipeline_two(args):
    from concurrent.futures import ProcessPoolExecutor

    files = [name for name, _ in tiff_files(args.path)][: args.count or None]
    pool = ProcessPoolExecutor(2)
    return lambda: sum(pool.map(measure, files, chunksize=4))


PEERS = {
    "tifffile-loop": tifffile_loop,
    "tifffile-2threads": tifffile_two,
    "tensorstore-read": tensorstore_read,
    "zarr-python-read": zarr_python_read,
    "ome-zarr-open": ome_zarr_open,
    "tensorstore-open": tensorstore_open,
    "glob-stat": glob_stat,
    "scandir-regex": scandir_regex,
    "tensorstore-convert": tensorstore_convert,
    "ome-zarr-convert": ome_zarr_convert,
    "skimage": skimage_pipeline,
    "skimage-2procs": skimage_pipeline_two,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--codec", default="zstd")
    parser.add_argument("--version", default="0.5")
    args = parser.parse_args()
    job = PEERS[args.peer](args)
    print(json.dumps({"ready": args.peer}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        amount = job()
        print(json.dumps({"seconds": time.perf_counter() - start, "amount": amount}), flush=True)


if __name__ == "__main__":
    main()
