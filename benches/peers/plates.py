"""Makes the standard plates of the benches from real tiles, each plane watermarked.

Plate: WELLS x 4 fields x 3 channels of 1080 x 1080 u16 (12 wells: 336 MB, 96 wells: 2.7 GB).
The first two pixels of a plane are its ordinal (low and high half), so that a reader that
swaps or shifts planes is caught. Every plane is a real tile, rolled by its ordinal.

    python plates.py tiff  OUT --wells 12 --codec none|lzw|deflate|zstd
    python plates.py zarr  OUT --wells 12 --codec none|zstd|blosc --version 0.4|0.5
    python plates.py polystore OUT --wells 12                           (by PolyStore itself)
    python plates.py names OUT --wells 1536 --fields 9 --channels 5     (links to small files, for opening)
    python plates.py zarr-names OUT --wells 1536 --fields 9 --version 0.4|0.5
"""

import argparse
import json
import pathlib

import numpy as np

TILES = pathlib.Path(__file__).resolve().parents[2] / "data" / "operetta"
FIELDS, CHANNELS, SIDE = 4, 3, 1080


def row_name(row: int) -> str:
    return chr(65 + row) if row < 26 else chr(64 + row // 26) + chr(65 + row % 26)


def grid(wells: int) -> tuple[int, int]:
    """Rows and columns of the smallest standard plate that has this many wells."""
    for rows, columns in ((3, 4), (8, 12), (16, 24), (32, 48)):
        if rows * columns >= wells:
            return rows, columns
    raise SystemExit(f"{wells} wells are more than the 1536 of the largest plate")


def wells_of(count: int) -> list[tuple[int, int]]:
    rows, columns = grid(count)
    return [(row, column) for row in range(rows) for column in range(columns)][:count]


def tiles() -> list[np.ndarray]:
    import tifffile

    paths = sorted(TILES.rglob("*.tiff"))
    if not paths:
        raise SystemExit(f"no real tiles below {TILES}")
    return [tifffile.imread(path) for path in paths]


def plane(source: list[np.ndarray], ordinal: int) -> np.ndarray:
    image = np.roll(source[ordinal % len(source)], (ordinal * 37) % SIDE, axis=ordinal % 2).copy()
    image[0, 0], image[0, 1] = ordinal & 0xFFFF, ordinal >> 16
    return image


def ordinal_of(well: int, field: int, channel: int) -> int:
    return (well * FIELDS + field) * CHANNELS + channel


def make_tiff(out: pathlib.Path, wells: int, codec: str) -> None:
    import tifffile

    source = tiles()
    out.mkdir(parents=True)
    compression = {"none": None, "lzw": "lzw", "deflate": "zlib", "zstd": "zstd"}[codec]
    # 256 KiB strips, as acquisition software writes them; one strip when nothing is compressed.
    strip = None if compression is None else max(1, (256 << 10) // (SIDE * 2))
    for well, (row, column) in enumerate(wells_of(wells)):
        for field in range(FIELDS):
            for channel in range(CHANNELS):
                name = f"Bench_{row_name(row)}{column + 1:02d}_s{field + 1}_w{channel + 1}.TIF"
                image = plane(source, ordinal_of(well, field, channel))
                tifffile.imwrite(out / name, image, compression=compression, rowsperstrip=strip)


def plate_metadata(wells: int, version: str) -> dict:
    rows, columns = grid(wells)
    return {
        "version": version,
        "name": "Bench",
        "field_count": FIELDS,
        "rows": [{"name": row_name(row)} for row in range(rows)],
        "columns": [{"name": str(column + 1)} for column in range(columns)],
        "wells": [
            {"path": f"{row_name(row)}/{column + 1}", "rowIndex": row, "columnIndex": column} for row, column in wells_of(wells)
        ],
    }


def multiscales(version: str) -> list[dict]:
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    transform = [{"type": "scale", "scale": [1.0, 1.0, 1.0, 0.65, 0.65]}]
    entry = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transform}]}
    return [{"version": version, **entry} if version == "0.4" else entry]


def write_group(path: pathlib.Path, attributes: dict, version: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(attributes))
    else:
        body = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **attributes}} if attributes else {}}
        (path / "zarr.json").write_text(json.dumps(body))


def array_spec(path: pathlib.Path, codec: str, version: str, channels: int = CHANNELS) -> dict:
    """The tensorstore specification of a field's array: one plane per chunk."""
    shape, chunks = [1, channels, 1, SIDE, SIDE], [1, 1, 1, SIDE, SIDE]
    store = {"driver": "file", "path": str(path)}
    if version == "0.4":
        compressor = {
            "none": None,
            "zstd": {"id": "zstd", "level": 3},
            "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
        }[codec]
        metadata = {
            "shape": shape, "chunks": chunks, "dtype": "<u2", "compressor": compressor,
            "dimension_separator": "/", "fill_value": 0, "order": "C", "filters": None,
        }
        return {"driver": "zarr", "kvstore": store, "metadata": metadata}
    codecs: list[dict] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if codec == "zstd":
        codecs.append({"name": "zstd", "configuration": {"level": 3, "checksum": False}})
    elif codec == "blosc":
        codecs.append({
            "name": "blosc",
            "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0},
        })
    metadata = {
        "shape": shape, "data_type": "uint16", "fill_value": 0, "codecs": codecs,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    }
    return {"driver": "zarr3", "kvstore": store, "metadata": metadata}


def make_zarr(out: pathlib.Path, wells: int, codec: str, version: str) -> None:
    import tensorstore as ts

    source = tiles()
    write_group(out, {"plate": plate_metadata(wells, version)}, version)
    for well, (row, column) in enumerate(wells_of(wells)):
        write_group(out / row_name(row), {}, version)
        folder = out / row_name(row) / str(column + 1)
        images = [{"path": str(field)} for field in range(FIELDS)]
        write_group(folder, {"well": {"images": images, **({"version": "0.4"} if version == "0.4" else {})}}, version)
        for field in range(FIELDS):
            write_group(folder / str(field), {"multiscales": multiscales(version)}, version)
            array = ts.open(array_spec(folder / str(field) / "0", codec, version), create=True).result()
            for channel in range(CHANNELS):
                array[0, channel, 0].write(plane(source, ordinal_of(well, field, channel))).result()


def polystore_names(row: int, column: int) -> list[str]:
    """Names of a well's planes in PolyStore's store, by field and channel."""
    well = f"{row_name(row)}{column + 1:02d}"
    return [f"{well}_s{field + 1}_w{channel + 1}.tif" for field in range(FIELDS) for channel in range(CHANNELS)]


def make_polystore(out: pathlib.Path, wells: int) -> None:
    """PolyStore's own zarr store, written by itself with its default settings."""
    from polystore.zarr import ZarrStorageBackend
    from polystore.zarr_batch import ZarrBatchAxis, ZarrBatchAxisRole, ZarrBatchLayout

    source, backend = tiles(), ZarrStorageBackend()
    fields = ZarrBatchAxis("field", tuple(range(1, FIELDS + 1)), ZarrBatchAxisRole.HCS_IMAGE)
    channels = ZarrBatchAxis("c", tuple(range(1, CHANNELS + 1)), ZarrBatchAxisRole.ARRAY)
    coordinates = tuple((field, channel) for field in range(FIELDS) for channel in range(CHANNELS))
    layout = ZarrBatchLayout((fields, channels), coordinates)
    for well, (row, column) in enumerate(wells_of(wells)):
        planes = [plane(source, ordinal_of(well, *place)) for place in coordinates]
        paths = [out / name for name in polystore_names(row, column)]
        place = {"row": row_name(row), "col": f"{column + 1:02d}"}
        backend.save_batch(planes, paths, chunk_name="".join(place.values()), batch_layout=layout, **place)


def make_names(out: pathlib.Path, wells: int, fields: int, channels: int) -> None:
    """Names of a plate; the files of a channel are links to one small image."""
    import tifffile

    out.mkdir(parents=True)
    first: dict[int, pathlib.Path] = {}
    for row, column in wells_of(wells):
        for field in range(fields):
            for channel in range(channels):
                path = out / f"Bench_{row_name(row)}{column + 1:02d}_s{field + 1}_w{channel + 1}.TIF"
                if channel in first:
                    path.hardlink_to(first[channel])
                else:
                    tifffile.imwrite(path, np.zeros((16, 16), "uint16"))
                    first[channel] = path


def make_zarr_names(out: pathlib.Path, wells: int, fields: int, version: str) -> None:
    """Metadata of a plate without chunks, for opening."""
    write_group(out, {"plate": {**plate_metadata(wells, version), "field_count": fields}}, version)
    for row, column in wells_of(wells):
        write_group(out / row_name(row), {}, version)
        folder = out / row_name(row) / str(column + 1)
        images = [{"path": str(field)} for field in range(fields)]
        write_group(folder, {"well": {"images": images, **({"version": "0.4"} if version == "0.4" else {})}}, version)
        for field in range(fields):
            write_group(folder / str(field), {"multiscales": multiscales(version)}, version)
            spec = array_spec(folder / str(field) / "0", "zstd", version)
            array = folder / str(field) / "0"
            array.mkdir()
            if version == "0.4":
                (array / ".zarray").write_text(json.dumps({"zarr_format": 2, **spec["metadata"]}))
            else:
                body = {"zarr_format": 3, "node_type": "array", **spec["metadata"]}
                (array / "zarr.json").write_text(json.dumps(body))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["tiff", "zarr", "names", "zarr-names", "polystore"])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--wells", type=int, default=12)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--channels", type=int, default=5)
    parser.add_argument("--codec", default="none")
    parser.add_argument("--version", default="0.5")
    args = parser.parse_args()
    if args.out.exists():
        return
    partial = args.out.with_name(args.out.name + ".partial")
    if args.kind == "tiff":
        make_tiff(partial, args.wells, args.codec)
    elif args.kind == "zarr":
        make_zarr(partial, args.wells, args.codec, args.version)
    elif args.kind == "polystore":
        make_polystore(partial, args.wells)
    elif args.kind == "names":
        make_names(partial, args.wells, args.fields, args.channels)
    else:
        make_zarr_names(partial, args.wells, args.fields, args.version)
    partial.rename(args.out)


if __name__ == "__main__":
    main()
