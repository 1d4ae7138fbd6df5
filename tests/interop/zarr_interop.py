"""OME-Zarr plates and zarr arrays between polystore and ome-zarr-py, zarr-python, tensorstore.

    python zarr_interop.py write DIR    plates and arrays by the three, with DIR/expected.json
    python zarr_interop.py check DIR    reads what polystore wrote, as DIR/written.json says,
                                        and zips one plate for polystore to read

Pixels are `pattern(seed)`, which both sides compute, so that nothing is compared with itself.
Only levels of a pyramid that ome-zarr-py makes in its own way are handed over as bytes.
"""

import itertools
import json
import logging
import pathlib
import sys
import warnings
import zipfile

import numcodecs
import numpy
import ome_zarr.format
import ome_zarr.io
import ome_zarr.reader
import ome_zarr.writer
import ome_zarr_models.v04.hcs
import ome_zarr_models.v04.image_label
import ome_zarr_models.v05.hcs
import ome_zarr_models.v05.image_label
import tensorstore
import zarr
import zarr.codecs
import zarr.codecs.numcodecs

from tiff_interop import pattern

FORMATS = {"0.4": ome_zarr.format.FormatV04(), "0.5": ome_zarr.format.FormatV05()}


def quiet() -> None:
    """No warnings: one is given for every codec that zarr v3 does not have, and every axis without a unit."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def image_of(sizes: list[int], seed: int, dtype: str) -> numpy.ndarray:
    """An image `[t, c, z, y, x]` whose planes have the seeds from `seed` on."""
    *outer, height, width = sizes
    planes = [pattern(height, width, seed + n, dtype) for n in range(int(numpy.prod(outer)))]
    return numpy.stack(planes).reshape(sizes)


# --- what polystore wrote -------------------------------------------------------------------


def check(folder: pathlib.Path) -> None:
    quiet()
    n_arrays = 0
    for written in json.loads((folder / "written.json").read_text()):
        plate = folder / written["name"]
        for image in written["images"]:
            n_arrays += check_arrays(plate / image["path"].lstrip("/"), image, written["version"])
            # The others are alike, and these two readers are slow.
            if image["labels"] != []:
                check_models(plate / image["path"].lstrip("/"), image, written["version"])
        if "plate" in written:
            check_plate(plate, written)
        if written.get("zip"):
            check_zip(plate, written)
    assert n_arrays > 0
    print(f"{n_arrays} arrays are as they should be")


def half(image: numpy.ndarray, labels: bool) -> numpy.ndarray:
    """The next level of a pyramid `[..., y, x]`: the mean of 2 x 2 pixels, or the first of a label."""
    if labels:
        return image[..., ::2, ::2]
    odd = [(0, 0)] * (image.ndim - 2) + [(0, size % 2) for size in image.shape[-2:]]
    image = numpy.pad(image, odd, mode="edge")
    wide = image if image.dtype.kind == "f" else image.astype("int64")
    a, b, c, d = (wide[..., y::2, x::2] for y, x in itertools.product((0, 1), (0, 1)))
    if image.dtype.kind == "f":
        return ((a + b) + (c + d)) * image.dtype.type(0.25)
    return ((a + b + c + d + 2) >> 2).astype(image.dtype)


def expected_levels(image: dict) -> list[numpy.ndarray]:
    """The levels of an image, worked out once."""
    if "expected" not in image:
        image["expected"] = work_out_levels(image)
    return image["expected"]


def work_out_levels(image: dict) -> list[numpy.ndarray]:
    expected = image_of(image["sizes"], image["seed"], image["dtype"])
    planes = expected.reshape(-1, *expected.shape[-2:])
    for number in image["missing"]:
        planes[number] = 0  # the fill value
    levels = [expected]
    while len(levels) < image["n_levels"]:
        levels.append(half(levels[-1], image["labels"] is None))
    return levels


def check_models(path: pathlib.Path, image: dict, version: str) -> None:
    models = ome_zarr_models.v05 if version == "0.5" else ome_zarr_models.v04
    model = models.image.Image if image["labels"] is not None else models.image_label.ImageLabel
    assert model.from_zarr(zarr.open_group(path, mode="r")).ome_zarr_version == version, path
    check_by_ome_zarr(path, image)


def check_arrays(path: pathlib.Path, image: dict, version: str) -> int:
    levels = expected_levels(image)
    group = zarr.open_group(path, mode="r")
    attributes = group.attrs.asdict()
    ome = attributes["ome"] if version == "0.5" else attributes
    check_multiscales(path, ome, image)
    for number, expected in enumerate(levels):
        found = group[str(number)]
        assert found.metadata.zarr_format == (3 if version == "0.5" else 2), path
        assert found.dtype == expected.dtype, (path, found.dtype)
        assert numpy.array_equal(found[...], expected), (path, number, "zarr-python")
        check_by_tensorstore(path / str(number), expected, version)
    return len(levels)


def check_by_tensorstore(path: pathlib.Path, expected: numpy.ndarray, version: str) -> None:
    if version == "0.4" and (json.loads((path / ".zarray").read_text())["compressor"] or {}).get("id") == "lz4":
        return  # which tensorstore does not have
    driver = "zarr3" if version == "0.5" else "zarr"
    store = {"driver": "file", "path": str(path)}
    array = tensorstore.open({"driver": driver, "kvstore": store}, open=True).result()
    assert array.dtype.numpy_dtype == expected.dtype, (path, array.dtype)
    assert numpy.array_equal(array.read().result(), expected), (path, "tensorstore")
    if version == "0.5":
        assert array.domain.labels == ("t", "c", "z", "y", "x"), (path, array.domain)


def check_multiscales(path: pathlib.Path, ome: dict, image: dict) -> None:
    (multiscale,) = ome["multiscales"]
    assert multiscale["name"] == image["name"], path
    assert [axis["name"] for axis in multiscale["axes"]] == ["t", "c", "z", "y", "x"], path
    kinds = ["time", "channel", "space", "space", "space"]
    assert [axis["type"] for axis in multiscale["axes"]] == kinds, path
    if image["scale_um"]:
        assert [axis.get("unit") for axis in multiscale["axes"][2:]] == ["micrometer"] * 3, path
    assert [dataset["path"] for dataset in multiscale["datasets"]] == [str(n) for n in range(image["n_levels"])], path
    for level, dataset in enumerate(multiscale["datasets"]):
        (transformation,) = dataset["coordinateTransformations"]
        z, y, x = image["scale_um"] or (1.0, 1.0, 1.0)
        expected = [1.0, 1.0, z, y * 2**level, x * 2**level]
        assert transformation == {"type": "scale", "scale": expected}, (path, transformation)
    if image["channels"]:
        found = [(channel["label"], channel["color"]) for channel in ome["omero"]["channels"]]
        assert found == [tuple(channel) for channel in image["channels"]], (path, found)
    assert ("image-label" in ome) == (image["labels"] is None), path


def check_by_ome_zarr(path: pathlib.Path, image: dict) -> None:
    levels = expected_levels(image)
    nodes = list(ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))())
    by_path = {pathlib.Path(str(node.zarr.subpath(""))): node for node in nodes}
    node = by_path[path.resolve()]
    assert len(node.data) == len(levels), (path, len(node.data))
    for found, expected in zip(node.data, levels):
        assert numpy.array_equal(found.compute(), expected), (path, "ome-zarr-py")
    if image["channels"]:
        assert node.metadata["channel_names"] == [name for name, _ in image["channels"]], path
    if image["labels"]:
        names = {place.name for place in by_path if place.parent.name == "labels"}
        assert names == set(image["labels"]), (path, names)


def check_plate(path: pathlib.Path, written: dict) -> None:
    group = zarr.open_group(path, mode="r")
    attributes = group.attrs.asdict()
    ome = attributes["ome"] if written["version"] == "0.5" else attributes
    found, expected = ome["plate"], written["plate"]
    assert found["name"] == expected["name"], path
    assert [row["name"] for row in found["rows"]] == expected["rows"], path
    assert [column["name"] for column in found["columns"]] == expected["columns"], path
    assert found["wells"] == expected["wells"], (path, found["wells"])
    for acquisition, wanted in zip(found["acquisitions"], expected["acquisitions"], strict=True):
        assert wanted.items() <= acquisition.items(), (path, acquisition)
    assert found["field_count"] == expected["field_count"], path
    for well, images in expected["images"].items():
        attributes = group[well].attrs.asdict()
        listed = (attributes["ome"] if written["version"] == "0.5" else attributes)["well"]["images"]
        assert listed == images, (path, well, listed)
    models = ome_zarr_models.v05 if written["version"] == "0.5" else ome_zarr_models.v04
    assert models.hcs.HCS.from_zarr(group).ome_zarr_version == written["version"], path
    check_stitched(path, written)


def check_stitched(path: pathlib.Path, written: dict) -> None:
    """ome-zarr-py's view of the plate: the first field of every well of the whole grid."""
    (node,) = ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))()
    grid = node.data[0].compute()
    n_rows, n_columns = len(written["plate"]["rows"]), len(written["plate"]["columns"])
    images = {image["path"].lstrip("/"): image for image in written["images"]}
    *outer, height, width = written["images"][0]["sizes"]
    assert grid.shape == (*outer, n_rows * height, n_columns * width), (path, grid.shape)
    expected = numpy.zeros_like(grid)
    for well in written["plate"]["wells"]:
        image = images[f"{well['path']}/0"]
        y, x = well["rowIndex"] * height, well["columnIndex"] * width
        expected[..., y : y + height, x : x + width] = expected_levels(image)[0]
    assert numpy.array_equal(grid, expected), path


def check_zip(path: pathlib.Path, written: dict) -> None:
    """Zips the plate, for polystore to read, and reads it so."""
    archive = path.with_name(path.name + ".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for file in sorted(path.rglob("*")):
            if file.is_file():
                zipped.write(file, file.relative_to(path))
    group = zarr.open_group(zarr.storage.ZipStore(archive, mode="r"), mode="r")
    for image in written["images"]:
        for number, expected in enumerate(expected_levels(image)):
            found = group[f"{image['path'].lstrip('/')}/{number}"]
            assert numpy.array_equal(found[...], expected), (archive, image["path"])


# --- what the others write ------------------------------------------------------------------


def write(folder: pathlib.Path) -> None:
    quiet()
    seeds = itertools.count(10_000, 1000)
    arrays = [write_by_zarr(folder, *case, next(seeds)) for case in zarr_cases()]
    arrays += [write_by_tensorstore(folder, *case, next(seeds)) for case in tensorstore_cases()]
    plates = [write_plate(folder, *case, seeds) for case in plate_cases()]
    (folder / "expected.json").write_text(json.dumps({"arrays": arrays, "plates": plates}))


SIZES = [2, 3, 2, 37, 53]
DTYPES = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"]


def zarr_cases():
    """Name, sizes, dtype and options of zarr.create_array."""
    v2, v3 = {"zarr_format": 2}, {"zarr_format": 3}
    slash = {"name": "v2", "separator": "/"}
    dot = {"name": "v2", "separator": "."}
    plane = {"chunks": (1, 1, 1, 37, 53)}
    for dtype in DTYPES:
        yield f"v2-{dtype}", SIZES, dtype, v2 | plane
        yield f"v2-big-endian-{dtype}", SIZES, dtype, v2 | plane | {"big": True}
        yield f"v3-{dtype}", SIZES, dtype, v3 | plane
        yield f"v3-big-endian-{dtype}", SIZES, dtype, v3 | plane | {"serializer": zarr.codecs.BytesCodec(endian="big")}
    for name, compressor in {
        "none": None,
        "zstd": numcodecs.Zstd(7),
        "gzip": numcodecs.GZip(3),
        "zlib": numcodecs.Zlib(4),
        "lz4": numcodecs.LZ4(),
        **{f"blosc-{c}-{s}": numcodecs.Blosc(c, 3, s) for c in ("lz4", "lz4hc", "zstd", "zlib", "blosclz") for s in (0, 1, 2)},
    }.items():
        yield f"v2-{name}", SIZES, "uint16", v2 | plane | {"compressors": compressor}
    for name, compressor in {
        "none": None,
        "zstd": zarr.codecs.ZstdCodec(level=4, checksum=True),
        "gzip": zarr.codecs.GzipCodec(level=2),
        "crc32c": zarr.codecs.Crc32cCodec(),
        "zstd-crc32c": [zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()],
        "numcodecs-zlib": zarr.codecs.numcodecs.Zlib(level=3),
        "numcodecs-lz4": zarr.codecs.numcodecs.LZ4(),
        **{f"blosc-{c}-{s}": zarr.codecs.BloscCodec(cname=c, clevel=3, shuffle=s) for c in ("lz4", "zstd", "zlib") for s in ("noshuffle", "shuffle", "bitshuffle")},
    }.items():
        yield f"v3-{name}", SIZES, "uint16", v3 | plane | {"compressors": compressor}
    odd = (1, 2, 2, 16, 20)
    for name, keys in {"slash": slash, "dot": dot}.items():
        yield f"v2-odd-{name}", SIZES, "uint16", v2 | {"chunks": odd, "chunk_key_encoding": keys}
        yield f"v3-odd-{name}", SIZES, "uint16", v3 | {"chunks": odd, "chunk_key_encoding": keys}
    yield "v3-default-dot", SIZES, "uint16", v3 | {"chunks": odd, "chunk_key_encoding": {"name": "default", "separator": "."}}
    yield "v2-order-f", SIZES, "uint16", v2 | {"chunks": odd, "order": "F"}
    transposed = zarr.codecs.TransposeCodec(order=(4, 2, 0, 1, 3))
    yield "v3-transposed", SIZES, "int16", v3 | {"chunks": odd, "filters": [transposed]}
    yield "v2-whole", SIZES, "uint16", v2 | {"chunks": tuple(SIZES)}
    yield "v2-larger-chunk", SIZES, "uint16", v2 | {"chunks": (1, 1, 1, 64, 64)}
    yield "v3-larger-chunk", SIZES, "uint16", v3 | {"chunks": (4, 4, 4, 64, 64)}
    for location in ("start", "end"):
        shards = {"shards": {"shape": (2, 2, 2, 48, 60), "index_location": location}, "chunks": (1, 1, 2, 16, 20)}
        yield f"v3-shards-{location}", SIZES, "uint16", v3 | shards
    shards = {"shards": (1, 3, 2, 37, 53), "chunks": (1, 1, 1, 37, 53), "compressors": zarr.codecs.BloscCodec(cname="zstd")}
    yield "v3-shards-planes", SIZES, "float32", v3 | shards
    # Chunks that are all fill value are not stored.
    for fill in (0, 7, 65535):
        blank = {"fill_value": fill, "blank": [3, 11]}
        yield f"v2-fill-{fill}", SIZES, "uint16", v2 | plane | blank
        yield f"v3-fill-{fill}", SIZES, "uint16", v3 | plane | blank
    for name, fill in {"nan": numpy.nan, "infinity": -numpy.inf, "half": 0.5}.items():
        yield f"v2-fill-{name}", SIZES, "float32", v2 | plane | {"fill_value": fill, "blank": [2]}
        yield f"v3-fill-{name}", SIZES, "float32", v3 | plane | {"fill_value": fill, "blank": [2]}
    yield "v3-fill-in-shards", SIZES, "uint16", v3 | {"shards": (2, 3, 2, 48, 60), "chunks": (1, 1, 1, 16, 20), "fill_value": 9, "blank": [5]}
    yield "v2-yx", [1, 1, 1, 37, 53], "uint16", v2 | {"axes": "yx", "chunks": (10, 53)}
    yield "v3-cyx", [1, 3, 1, 37, 53], "uint16", v3 | {"axes": "cyx", "chunks": (1, 37, 53)}
    yield "v3-xyzct", SIZES, "uint16", v3 | {"axes": "xyzct", "chunks": (53, 10, 1, 1, 1)}
    # Types that no pixel has, read as the next that holds them.
    for dtype in ("int64", "uint64", "float16"):
        yield f"v2-{dtype}", SIZES, dtype, v2 | plane
        yield f"v3-{dtype}", SIZES, dtype, v3 | plane


READ_AS = {"int64": "int32", "uint64": "uint32", "float16": "float32"}


def entry(name: str, sizes: list[int], dtype: str, seed: int, fill: float = 0.0, blank: tuple[int, ...] = ()) -> dict:
    fill = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(float(fill)), float(fill))
    return {"name": name, "sizes": sizes, "dtype": dtype, "seed": seed, "fill": fill, "blank": list(blank)}


def stored_as(image: numpy.ndarray, axes: str) -> numpy.ndarray:
    """An image `[t, c, z, y, x]` with its axes in another order, those of size 1 left out."""
    order = ["tczyx".index(axis) for axis in axes]
    return numpy.moveaxis(image, order, range(len(order))).reshape([image.shape[at] for at in order])


def write_by_zarr(folder: pathlib.Path, name: str, sizes: list[int], dtype: str, options: dict, seed: int) -> dict:
    options = dict(options)
    blank, axes, big = options.pop("blank", ()), options.pop("axes", "tczyx"), options.pop("big", False)
    small = "uint8" if dtype == "float16" else dtype  # whole numbers that a half can hold
    image = image_of(sizes, seed, READ_AS.get(small, small)).astype(dtype)
    fill = options.get("fill_value", 0)
    for number in blank:
        image.reshape(-1, *sizes[-2:])[number] = fill
    stored = stored_as(image, axes)
    if options["zarr_format"] == 3:
        options["dimension_names"] = list(axes)
    kind = numpy.dtype(dtype).newbyteorder(">" if big else "<")
    array = zarr.create_array(folder / name, shape=stored.shape, dtype=kind, config={"write_empty_chunks": False}, **options)
    array[...] = stored
    read_as = READ_AS.get(dtype, dtype)
    pattern_of = "uint8" if dtype == "float16" else read_as
    return entry(name, sizes, read_as, seed, fill, blank) | {"pattern": pattern_of}


def tensorstore_cases():
    """Name, dtype, driver and metadata."""
    plane = [1, 1, 1, 37, 53]
    regular = lambda shape: {"name": "regular", "configuration": {"chunk_shape": shape}}
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    zstd = {"name": "zstd", "configuration": {"level": 2}}
    blosc = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle"}}
    for name, compressor in {
        "none": None,
        "blosc": {"id": "blosc", "cname": "zstd", "clevel": 2, "shuffle": -1},
        "zstd": {"id": "zstd", "level": 3},
        "zlib": {"id": "zlib", "level": 3},
        "gzip": {"id": "gzip", "level": 3},
    }.items():
        yield f"ts-v2-{name}", "uint16", "zarr", {"dtype": "<u2", "chunks": plane, "compressor": compressor}
    yield "ts-v2-big-endian-f", "float32", "zarr", {"dtype": ">f4", "chunks": [2, 1, 2, 20, 20], "order": "F", "dimension_separator": "/"}
    for name, codecs in {
        "bytes": [little],
        "big-endian": [{"name": "bytes", "configuration": {"endian": "big"}}],
        "zstd": [little, zstd],
        "blosc-crc32c": [little, blosc, {"name": "crc32c"}],
        "transpose": [{"name": "transpose", "configuration": {"order": [4, 3, 2, 1, 0]}}, little, zstd],
    }.items():
        yield f"ts-v3-{name}", "uint16", "zarr3", {"data_type": "uint16", "chunk_grid": regular([1, 2, 1, 20, 53]), "codecs": codecs}
    for location in ("start", "end"):
        sharding = {"chunk_shape": [1, 1, 1, 20, 30], "codecs": [little, blosc], "index_location": location}
        shards = [{"name": "sharding_indexed", "configuration": sharding}]
        yield f"ts-v3-shards-{location}", "int16", "zarr3", {"data_type": "int16", "chunk_grid": regular([2, 3, 1, 40, 60]), "codecs": shards}


def write_by_tensorstore(folder: pathlib.Path, name: str, dtype: str, driver: str, metadata: dict, seed: int) -> dict:
    metadata = metadata | {"shape": SIZES}
    if driver == "zarr3":
        metadata["dimension_names"] = list("tczyx")
    store = {"driver": "file", "path": str(folder / name)}
    spec = {"driver": driver, "kvstore": store, "metadata": metadata, "store_data_equal_to_fill_value": True}
    image = image_of(SIZES, seed, dtype)
    tensorstore.open(spec, create=True).result().write(image).result()
    return entry(name, SIZES, dtype, seed) | {"pattern": dtype}


def plate_cases():
    """Name, version, and the options of ome-zarr-py's writer."""
    yield "by-ome-zarr-04", "0.4", {}
    yield "by-ome-zarr-05", "0.5", {}
    tiles = {"chunks": (1, 1, 1, 32, 40)}
    yield "by-ome-zarr-04-tiles", "0.4", tiles
    yield "by-ome-zarr-05-shards", "0.5", tiles | {"shards": (1, 2, 1, 64, 80)}


COLOURS = ["0000FF", "00FF00"]


def write_plate(folder: pathlib.Path, name: str, version: str, options: dict, seeds: itertools.count) -> dict:
    fmt = FORMATS[version]
    group = zarr.open_group(folder / name, mode="w", zarr_format=fmt.zarr_format)
    rows, columns = ["A", "B", "C"], ["1", "2", "3", "10"]
    acquisitions = [{"id": 2, "name": "first", "maximumfieldcount": 2, "starttime": 1_700_000_000}, {"id": 9, "name": "second"}]
    wells = {"A/1": [2, 2, 9], "C/10": [2, 9]}
    ome_zarr.writer.write_plate_metadata(group, rows, columns, list(wells), fmt=fmt, acquisitions=acquisitions, field_count=3, name="theirs")
    images = []
    for well, runs in wells.items():
        place = group.require_group(well)
        listed = [{"path": str(number), "acquisition": run} for number, run in enumerate(runs)]
        ome_zarr.writer.write_well_metadata(place, listed, fmt=fmt)
        for number, run in enumerate(runs):
            path = f"{well}/{number}"
            images.append(write_image(folder, group, path, fmt, options, next(seeds)) | {"acquisition": run})
    labels = write_label(folder, group, "A/1/0", fmt, options, next(seeds))
    return {"name": name, "version": version, "images": images, "labels": labels, "acquisitions": acquisitions}


SCALE = {"z": 2.0, "y": 0.325, "x": 0.325}
UNITS = {"z": "micrometer", "y": "micrometer", "x": "micrometer"}
PLATE_SIZES = [1, 2, 2, 96, 128]


def write_image(folder: pathlib.Path, group: zarr.Group, path: str, fmt, options: dict, seed: int) -> dict:
    image = image_of(PLATE_SIZES, seed, "uint16")
    window = {"min": 0, "max": 65535, "start": 0, "end": 1000}
    channels = [{"label": f"stain {c}", "color": colour, "active": True, "window": window} for c, colour in enumerate(COLOURS)]
    place = group.require_group(path)
    ome_zarr.writer.write_image(
        image, place, scale_factors=[2, 4], name=f"image {seed}", fmt=fmt, axes="tczyx", scale=SCALE, axes_units=UNITS,
        storage_options=dict(options), omero={"channels": channels},
    )
    return hand_over(folder, place, path, seed, "uint16")


def write_label(folder: pathlib.Path, group: zarr.Group, path: str, fmt, options: dict, seed: int) -> dict:
    labels = image_of(PLATE_SIZES, seed, "uint32")
    place = group[path]
    ome_zarr.writer.write_labels(
        labels, place, name="nuclei", scaler=None, scale_factors=[2], fmt=fmt, axes="tczyx", scale=SCALE, axes_units=UNITS,
        storage_options=dict(options),
    )
    return hand_over(folder, place["labels/nuclei"], f"{path}/labels/nuclei", seed, "uint32")


def hand_over(folder: pathlib.Path, place: zarr.Group, path: str, seed: int, dtype: str) -> dict:
    """An image as it was written, with the levels above as zarr-python reads them."""
    levels = []
    arrays = sorted(key for key in place.array_keys())
    for number, key in enumerate(arrays[1:], start=1):
        file = f"level-{seed}-{number}.bin"
        (folder / file).write_bytes(numpy.ascontiguousarray(place[key][...]).tobytes())
        levels.append(file)
    return {"path": "/" + path, "sizes": PLATE_SIZES, "dtype": dtype, "seed": seed, "levels": levels, "scale": list(SCALE.values())}


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
