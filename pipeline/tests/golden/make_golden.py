"""Makes the golden files beside it with scikit-image, scipy and numpy.

    python -m venv venv && venv/bin/pip install \
        numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 tifffile==2026.3.3 imagecodecs==2026.3.6
    venv/bin/python make_golden.py

Inputs are crops of real tiles of `data/imagexpress-mix` (BSD-3-Clause, see there) and a mask
made from a fixed seed. Large results are kept as their upper left corner, which has two
edges of the image in it.
"""

import json
import pathlib

import numpy as np
import scipy.ndimage as ndi
import tifffile
from skimage import exposure, feature, filters, measure, morphology, segmentation

HERE = pathlib.Path(__file__).parent
PLATE = HERE.parents[2] / "data" / "imagexpress-mix" / "plate"
CORNER = 80


def tile(pattern: str) -> np.ndarray:
    (path,) = (path for path in PLATE.glob(pattern) if "thumb" not in path.name)
    return tifffile.imread(path)


def save(name: str, array: np.ndarray) -> None:
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(array))


def corner(name: str, array: np.ndarray) -> None:
    save(name, array[:CORNER, :CORNER])


def write(name: str, value: object) -> None:
    (HERE / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def footprint(shape: str, radius: int) -> np.ndarray:
    return morphology.disk(radius) if shape == "disk" else morphology.footprint_rectangle((2 * radius + 1,) * 2)


def normalized(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (1, 99.8))
    scaled = exposure.rescale_intensity(image.astype(np.float32), in_range=(float(low), float(high)), out_range=(0.0, 1.0))
    return np.minimum(scaled, np.float32(1.0))


def gaussian(image: np.ndarray, sigma: float, mode: str = "nearest") -> np.ndarray:
    return filters.gaussian(image.astype(np.float32), sigma, mode=mode, preserve_range=True)


def blobs() -> np.ndarray:
    """Ragged pieces with holes, islands in holes, and contacts at the edges and at corners."""
    noise = np.random.default_rng(7).normal(size=(120, 140))
    return (ndi.gaussian_filter(noise, 1.4) > 0.02).astype(np.uint8)


def split(mask: np.ndarray, heights: np.ndarray, min_distance: int) -> np.ndarray:
    """Watershed from peaks of each object, numbered in raster order."""
    objects = measure.label(mask)
    peaks = feature.peak_local_max(heights, min_distance=min_distance, labels=objects, exclude_border=False)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = segmentation.watershed(-heights, markers, mask=mask, connectivity=2)
    assert np.array_equal(parts > 0, mask), "an object without a peak"
    values, first = np.unique(parts, return_index=True)
    values, first = values[values > 0], first[values > 0]
    numbers = np.zeros(parts.max() + 1, np.uint16)
    numbers[values[np.argsort(first)]] = np.arange(1, len(values) + 1)
    return numbers[parts]


COLUMNS = {
    "label": "label",
    "area": "area_px",
    "centroid-0": "centroid_y_px",
    "centroid-1": "centroid_x_px",
    "bbox-0": "bbox_min_y_px",
    "bbox-1": "bbox_min_x_px",
    "bbox-2": "bbox_max_y_px",
    "bbox-3": "bbox_max_x_px",
    "equivalent_diameter_area": "equivalent_diameter_px",
    "perimeter": "perimeter_px",
    "axis_major_length": "major_axis_px",
    "axis_minor_length": "minor_axis_px",
    "eccentricity": "eccentricity",
    "orientation": "orientation_rad",
    "solidity": "solidity",
    "extent": "extent",
    "intensity_mean": "intensity_mean",
    "intensity_min": "intensity_min",
    "intensity_max": "intensity_max",
    "intensity_std": "intensity_std",
    "intensity_median": "intensity_median",
}


def table(labels: np.ndarray, image: np.ndarray) -> dict[str, list[float]]:
    properties = {name.split("-")[0]: None for name in COLUMNS}
    measured = measure.regionprops_table(labels, image, properties=tuple(properties))
    columns = {ours: measured[theirs].tolist() for theirs, ours in COLUMNS.items()}
    columns["intensity_sum"] = [float(image[labels == label].sum(dtype=np.float64)) for label in columns["label"]]
    return columns


def main() -> None:
    # A crop with many nuclei, some of them at the edge; the same field's z-sections.
    image = tile("ZStep_2/Projection-Mix_E08_s2_w1*.tif")[224:480, 0:256]
    save("nuclei", image)
    sections = [tile(f"ZStep_{z}/Projection-Mix_E08_s2_w1*.tif")[300:364, 60:140] for z in (1, 2, 3)]
    for z, section in enumerate(sections):
        save(f"section_{z}", section)
    stack = np.stack(sections)
    save("maximum", stack.max(axis=0))
    save("mean", stack.mean(axis=0, dtype=np.float64).astype(np.float32))
    save("sum", stack.sum(axis=0, dtype=np.float64).astype(np.float32))

    scaled = normalized(image)
    corner("normalized", scaled)
    corner("normalized_uint16", np.floor(scaled * np.float32(65535) + np.float32(0.5)).astype(np.uint16))
    corner("normalized_uint8", np.floor(scaled * np.float32(255) + np.float32(0.5)).astype(np.uint8))

    smooth = gaussian(scaled, 2.0)
    corner("gaussian_2", smooth)
    corner("gaussian_1.3_reflect", gaussian(image, 1.3, "reflect"))
    for mode in ("nearest", "reflect"):
        save(f"gaussian_4_{mode}_small", gaussian(image[:7, :5], 4.0, mode))

    for shape, radius in (("square", 1), ("disk", 2), ("disk", 3), ("square", 4)):
        corner(f"median_{shape}_{radius}", filters.median(image, footprint(shape, radius)))
    for shape, radius in (("disk", 10), ("square", 7)):
        corner(f"tophat_{shape}_{radius}", morphology.white_tophat(image, footprint(shape, radius)))
    background = morphology.opening(gaussian(image, 2.0), morphology.disk(20))
    difference = np.maximum(image.astype(np.float64) - background, 0.0)
    corner("subtract_background_20", np.floor(difference + 0.5).astype(np.uint16))

    counts = {}
    for kind, pixels in (("uint16", image), ("float32", smooth), ("float64", image / 7.0), ("int16", image.astype(np.int16))):
        thresholds = {
            "otsu": filters.threshold_otsu(pixels),
            "li": filters.threshold_li(pixels),
            "triangle": filters.threshold_triangle(pixels),
            "percentile 12.5": np.percentile(pixels, [12.5])[0],
            "percentile 99.8": np.percentile(pixels, [99.8])[0],
        }
        counts[kind] = {name: int((pixels > threshold).sum()) for name, threshold in thresholds.items()}
    write("foreground", counts)

    mask = smooth > filters.threshold_otsu(smooth)
    labels = measure.label(mask)
    save("nuclei_labels", labels.astype(np.uint16))
    write("nuclei_table", table(labels, image))

    pieces = blobs()
    save("blobs", pieces)
    save("blobs_8", measure.label(pieces).astype(np.uint16))
    save("blobs_4", measure.label(pieces, connectivity=1).astype(np.uint16))
    save("blobs_filled", ndi.binary_fill_holes(pieces).astype(np.uint8))
    inner = segmentation.clear_border(measure.label(pieces))
    areas = np.bincount(inner.ravel())
    kept = np.isin(inner, [label for label, area in enumerate(areas) if label and 5 <= area <= 300])
    save("blobs_inner_5_300", measure.label(kept).astype(np.uint16))
    write("blobs_table", table(measure.label(pieces, connectivity=1), image[: pieces.shape[0], : pieces.shape[1]]))

    dense = gaussian(image, 1.0)
    dense_mask = dense > 170
    save("dense_mask", dense_mask.astype(np.uint8))
    distance = ndi.distance_transform_edt(dense_mask).astype(np.float32)
    save("split_by_form", split(dense_mask, gaussian(distance, 1.0), 5))
    save("split_by_intensity", split(dense_mask, gaussian(image, 2.0), 5))


if __name__ == "__main__":
    main()
