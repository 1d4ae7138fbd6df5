"""TIFF files between tifffile and polystore.

    python tiff_interop.py write DIR    files of many kinds by tifffile, with DIR/expected.json
    python tiff_interop.py check DIR    reads what polystore wrote, as DIR/written.json says

Pixels are `pattern(seed)`, which both sides compute, so that nothing is compared with itself.
"""

import json
import pathlib
import sys

import numpy
import tifffile


def pattern(height: int, width: int, seed: int, dtype: str) -> numpy.ndarray:
    """Values over the whole range of 23 bits, cut off by the type as Rust's `as` does."""
    at = numpy.arange(height * width, dtype="uint32") ^ numpy.uint32(seed)
    values = (at * numpy.uint32(2_654_435_761)) >> numpy.uint32(9)
    kind = numpy.dtype(dtype)
    if kind.kind in "iu":
        values = numpy.minimum(values, numpy.iinfo(kind).max)
    return values.astype(kind).reshape(height, width)


HEIGHT, WIDTH = 211, 173
DTYPES = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"]
COMPRESSIONS = {"none": None, "lzw": "lzw", "deflate": "zlib", "zstd": "zstd", "packbits": "packbits"}


def cases():
    """Name, options of tifffile.imwrite, and the dtype of each file."""
    for dtype in DTYPES:
        for name, compression in COMPRESSIONS.items():
            yield f"strips-{name}-{dtype}", {"compression": compression, "rowsperstrip": 37}, dtype
        yield f"big-endian-{dtype}", {"byteorder": ">", "compression": "zlib", "rowsperstrip": 50}, dtype
        yield f"tiles-{dtype}", {"compression": "zstd", "tile": (64, 48)}, dtype
        predictor = 3 if dtype.startswith("float") else 2
        yield f"predictor-{dtype}", {"compression": "zlib", "predictor": predictor, "rowsperstrip": 41}, dtype
        yield f"predictor-big-endian-{dtype}", {"byteorder": ">", "compression": "lzw", "predictor": predictor}, dtype
    yield "bigtiff", {"bigtiff": True, "compression": "lzw"}, "uint16"
    yield "tiles-raw", {"tile": (32, 32)}, "uint16"
    yield "one-row-strips", {"rowsperstrip": 1, "compression": "lzw"}, "uint16"
    yield "big-endian-raw", {"byteorder": ">"}, "uint16"


def write(folder: pathlib.Path) -> None:
    expected = []
    for seed, (name, options, dtype) in enumerate(cases()):
        image = pattern(HEIGHT, WIDTH, seed, dtype)
        tifffile.imwrite(folder / f"{name}.tif", image, photometric="minisblack", **options)
        expected.append(entry(f"{name}.tif", dtype, [[seed]]))
    stack = [pattern(HEIGHT, WIDTH, 900 + page, "uint16") for page in range(6)]
    pages = numpy.stack(stack)
    tifffile.imwrite(folder / "pages.tif", pages, photometric="minisblack", compression="zlib")
    expected.append(entry("pages.tif", "uint16", [list(range(900, 906))]))
    # ImageJ's hyperstack of 3 z-sections and 2 channels: pages are z, c.
    tifffile.imwrite(folder / "imagej.tif", pages.reshape(3, 2, HEIGHT, WIDTH), imagej=True, metadata={"axes": "ZCYX"})
    expected.append(entry("imagej.tif", "uint16", [[900, 902, 904], [901, 903, 905]]))
    tifffile.imwrite(folder / "ome.ome.tif", pages.reshape(2, 3, HEIGHT, WIDTH), metadata={"axes": "CZYX"}, photometric="minisblack")
    expected.append(entry("ome.ome.tif", "uint16", [[900, 901, 902], [903, 904, 905]]))
    rgb = numpy.stack([pattern(HEIGHT, WIDTH, 950 + c, "uint8") for c in range(3)], axis=-1)
    tifffile.imwrite(folder / "rgb.tif", rgb, photometric="rgb", compression="zlib", rowsperstrip=20)
    expected.append(entry("rgb.tif", "uint8", [[950], [951], [952]]))
    planar = numpy.moveaxis(rgb, -1, 0)
    tifffile.imwrite(folder / "planar.tif", planar, photometric="rgb", planarconfig="separate", rowsperstrip=30)
    expected.append(entry("planar.tif", "uint8", [[950], [951], [952]]))
    with tifffile.TiffWriter(folder / "pyramid.ome.tif") as tif:
        image = pattern(HEIGHT, WIDTH, 960, "uint16")
        tif.write(image, subifds=1, tile=(64, 64), photometric="minisblack")
        tif.write(pattern(106, 87, 961, "uint16"), subfiletype=1, tile=(64, 64), photometric="minisblack")
    expected.append({**entry("pyramid.ome.tif", "uint16", [[960]]), "level_1": [106, 87, 961]})
    smooth = (numpy.add.outer(numpy.arange(HEIGHT), numpy.arange(WIDTH)) // 2).clip(0, 255).astype("uint8")
    tifffile.imwrite(folder / "jpeg.tif", smooth, photometric="minisblack", compression="jpeg", rowsperstrip=64)
    decoded = tifffile.imread(folder / "jpeg.tif")
    numpy.save(folder / "jpeg.npy", decoded)
    (folder / "expected.json").write_text(json.dumps(expected))


def entry(file: str, dtype: str, seeds: list[list[int]]) -> dict:
    """`seeds[c][z]` of the planes of a file."""
    return {"file": file, "dtype": dtype, "height": HEIGHT, "width": WIDTH, "seeds": seeds}


def check(folder: pathlib.Path) -> None:
    n_planes = 0
    for written in json.loads((folder / "written.json").read_text()):
        path = folder / written["file"]
        with tifffile.TiffFile(path) as tif:
            found = tif.asarray()
            if written.get("ome"):
                assert tif.is_ome, path
                series = tif.series[0]
                assert len(series.levels) == written["n_levels"], (path, len(series.levels))
                found = series.asarray()
            planes = found.reshape(-1, *found.shape[-2:])
            assert len(planes) == len(written["seeds"]), (path, found.shape)
            for plane, seed in zip(planes, written["seeds"]):
                expected = pattern(written["height"], written["width"], seed, written["dtype"])
                assert plane.dtype == expected.dtype, (path, plane.dtype)
                assert numpy.array_equal(plane, expected), (path, seed)
                n_planes += 1
            if written.get("pixel_size_um"):
                check_pixel_size(tif, written["pixel_size_um"], path)
    assert n_planes > 0
    print(f"{n_planes} planes are as they should be")


def check_pixel_size(tif: tifffile.TiffFile, expected_um: float, path: pathlib.Path) -> None:
    pixels, units = tif.pages[0].tags["XResolution"].value
    assert tif.pages[0].tags["ResolutionUnit"].value == 3, path
    assert abs(1e4 * units / pixels - expected_um) < 1e-4, (path, pixels, units)


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
