//! The catalogue of rules: stable ids, what each rests on, and what to do when it is broken.
//!
//! Ids are part of the output's contract: they are never renamed, only added.

use super::Severity;

/// What a rule rests on; together with the options it decides the severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The official schemas, or something without which nothing can be judged.
    Schema,
    /// A MUST in the text of the specification that its schemas do not express.
    Text,
    /// A SHOULD that the official strict schemas turn into a MUST.
    Strict,
    /// A SHOULD, or what makes readers stumble in practice.
    Advice,
    /// Whether declared data is there at all.
    Data,
    /// Allowed, and worth knowing.
    Remark,
}

/// One rule of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable name, such as `plate/wells/index-mismatch`.
    pub id: &'static str,
    /// What it rests on.
    pub basis: Basis,
    /// What to do about a finding; empty when the message says it all.
    pub hint: &'static str,
}

impl Rule {
    /// The severity of a finding of this rule under `options`.
    pub fn severity(&self, options: &super::Options) -> Severity {
        let is_error = match self.basis {
            Basis::Remark => return Severity::Note,
            Basis::Schema => true,
            Basis::Text => options.judge == super::Judge::Specification,
            Basis::Strict => options.strict,
            Basis::Advice => false,
            Basis::Data => options.require_chunks,
        };
        if is_error { Severity::Error } else { Severity::Warning }
    }
}

macro_rules! rules {
    ($($name:ident = $basis:ident $id:literal $hint:literal;)*) => {
        $(pub(crate) const $name: &Rule =
            &Rule { id: $id, basis: Basis::$basis, hint: $hint };)*

        /// All rules, grouped by what they speak of.
        pub const ALL: &[&Rule] = &[$($name),*];
    };
}

rules! {
    JSON_TOO_LARGE = Schema "json/too-large" "attributes hold metadata only; move data into arrays or tables";
    JSON_TOO_DEEP = Schema "json/too-deep" "flatten the document; readers stop at about this depth";
    JSON_TOO_MANY_VALUES = Schema "json/too-many-values" "attributes hold metadata only; move data into arrays or tables";
    JSON_NOT_UTF8 = Schema "json/not-utf8" "save the file as UTF-8 without a byte-order mark";
    JSON_SYNTAX = Schema "json/syntax" "JSON has no comments, no trailing commas and no NaN";

    STORE_NOT_FOUND = Schema "store/not-found" "check the path";
    STORE_UNREADABLE = Schema "store/unreadable" "check permissions and the health of the disk";
    STORE_NO_ZARR = Schema "store/no-zarr" "give the folder (or zip file) that holds `zarr.json` or `.zgroup`";
    STORE_NAME_NOT_UTF8 = Text "store/name-not-utf8" "zarr names are UTF-8; rename it";
    STORE_BROKEN_LINK = Text "store/broken-link" "repair or remove the link";
    STORE_LINK_OUTSIDE = Text "store/link-outside" "copy what the link leads to into the store: what lies outside is not followed and not judged";
    STORE_SPECIAL_FILE = Text "store/special-file" "remove it: it is neither a file nor a folder";

    NODE_FORMAT = Schema "node/format" "zarr.json needs `zarr_format` 3 and `node_type`; .zgroup and .zarray need `zarr_format` 2";
    NODE_BOTH_FORMATS = Text "node/both-formats" "readers choose differently between the two; remove one set of metadata files";
    NODE_MIXED_FORMATS = Text "node/mixed-formats" "one hierarchy has one zarr format";
    NODE_NO_GROUP_FILE = Text "node/no-group-file" "add `.zgroup` with {\"zarr_format\": 2}";
    NODE_ARRAY_METADATA = Schema "node/array-metadata" "";

    VERSION_MISSING = Schema "version/missing" "add `version` to the `ome` object";
    VERSION_MISSING_LABELS = Advice "version/missing-in-labels" "add `version` to the `ome` object, as everywhere in the hierarchy";
    VERSION_UNSUPPORTED = Schema "version/unsupported" "this validator knows OME-Zarr 0.4, 0.5 and 0.6rc0";
    VERSION_LAYOUT = Schema "version/layout" "0.4 metadata stands at the top of `.zattrs` (zarr v2); from 0.5 it stands under `attributes.ome` of `zarr.json` (zarr v3)";
    VERSION_INCONSISTENT = Text "version/inconsistent" "one hierarchy has one metadata version";

    ATTRIBUTES_OBJECT = Schema "attributes/object" "";
    ATTRIBUTES_NONE = Schema "attributes/none" "one of `plate`, `well`, `multiscales`, `image-label`, `labels`, `bioformats2raw.layout`, `series` or `scene` is expected";
    ATTRIBUTES_KIND = Text "attributes/kind" "";
    ATTRIBUTES_ABSOLUTE_PATH = Advice "attributes/absolute-path" "an absolute path is wrong as soon as the store is moved; write it relative to the group";

    CONSOLIDATED_FORMAT = Text "consolidated/format" "consolidate again, or remove the consolidated metadata";
    CONSOLIDATED_DIFFERS = Text "consolidated/differs" "readers of the copy and of the original see two different plates; consolidate again";
    CONSOLIDATED_STALE = Text "consolidated/stale" "the copy names a node that is gone; consolidate again";
    CONSOLIDATED_INCOMPLETE = Advice "consolidated/incomplete" "readers of the copy will not see this node; consolidate again";

    PLATE = Schema "plate/object" "";
    PLATE_VERSION = Schema "plate/version" "";
    PLATE_VERSION_RECOMMENDED = Strict "plate/version-missing" "write `version` into `plate`";
    PLATE_VERSION_TEXT = Remark "plate/version-in-text" "the text of 0.5 asks for `plate.version`, its schema does not; writing it satisfies both";
    PLATE_NAME = Schema "plate/name" "";
    PLATE_NAME_MISSING = Strict "plate/name-missing" "write `name` into `plate`";
    PLATE_FIELD_COUNT = Schema "plate/field_count" "";
    PLATE_FIELD_COUNT_MISMATCH = Advice "plate/field_count-mismatch" "`field_count` is the largest number of images of a well";
    PLATE_ACQUISITIONS = Schema "plate/acquisitions" "";
    PLATE_ACQUISITION_ID = Schema "plate/acquisitions/id" "";
    PLATE_ACQUISITION_DUPLICATE = Text "plate/acquisitions/duplicate-id" "number the acquisitions differently";
    PLATE_ACQUISITION_FIELDS = Schema "plate/acquisitions/maximumfieldcount" "";
    PLATE_ACQUISITION_FIELDS_MISMATCH = Advice "plate/acquisitions/maximumfieldcount-mismatch" "`maximumfieldcount` is the largest number of images that a well has in this acquisition";
    PLATE_ACQUISITION_TEXT = Schema "plate/acquisitions/text" "";
    PLATE_ACQUISITION_TIME = Schema "plate/acquisitions/time" "times are whole seconds since 1970-01-01 UTC";
    PLATE_ACQUISITION_TIME_ORDER = Advice "plate/acquisitions/time-order" "`starttime` is not after `endtime`";
    PLATE_ACQUISITION_MILLISECONDS = Advice "plate/acquisitions/milliseconds" "times are in seconds; this looks like milliseconds";
    PLATE_ACQUISITION_RECOMMENDED = Strict "plate/acquisitions/recommended" "write `name` and `maximumfieldcount` for each acquisition";
    PLATE_ROWS = Schema "plate/rows" "";
    PLATE_ROW_NAME = Schema "plate/rows/name" "names are made of A-Z, a-z and 0-9";
    PLATE_ROW_REPEATED = Schema "plate/rows/repeated" "";
    PLATE_ROW_DUPLICATE = Text "plate/rows/duplicate-name" "";
    PLATE_ROW_CASE = Advice "plate/rows/case-collision" "they are one folder where names ignore case (Windows, macOS)";
    PLATE_ROW_EMPTY = Advice "plate/rows/empty-group" "remove the group: a row without wells SHOULD NOT be there";
    PLATE_COLUMNS = Schema "plate/columns" "";
    PLATE_COLUMN_NAME = Schema "plate/columns/name" "names are made of A-Z, a-z and 0-9";
    PLATE_COLUMN_REPEATED = Schema "plate/columns/repeated" "";
    PLATE_COLUMN_DUPLICATE = Text "plate/columns/duplicate-name" "";
    PLATE_COLUMN_CASE = Advice "plate/columns/case-collision" "they are one folder where names ignore case (Windows, macOS)";
    PLATE_WELLS = Schema "plate/wells" "";
    PLATE_WELL_PATH = Schema "plate/wells/path" "the path is ROW/COLUMN, both made of A-Z, a-z and 0-9";
    PLATE_WELL_INDEX = Schema "plate/wells/index" "`rowIndex` and `columnIndex` are 0-based positions in `rows` and `columns`";
    PLATE_WELL_REPEATED = Schema "plate/wells/repeated" "";
    PLATE_WELL_DUPLICATE = Text "plate/wells/duplicate-path" "list each well once";
    PLATE_WELL_UNKNOWN_NAME = Text "plate/wells/unknown-name" "the path is a name of `rows`, a slash and a name of `columns`";
    PLATE_WELL_INDEX_RANGE = Text "plate/wells/index-range" "`rowIndex` and `columnIndex` are 0-based positions in `rows` and `columns`";
    PLATE_WELL_INDEX_MISMATCH = Text "plate/wells/index-mismatch" "readers that go by index and readers that go by path show different wells; make them agree";
    PLATE_WELL_MISSING_GROUP = Text "plate/wells/missing-group" "write the well, or take it off the list";
    PLATE_WELL_EMPTY = Advice "plate/wells/empty-group" "remove the group: a well without images SHOULD NOT be there";
    PLATE_WELL_UNLISTED = Advice "plate/wells/unlisted" "readers do not see it; add it to `wells`, or remove it";
    PLATE_ROW_MISSING_GROUP = Text "plate/rows/missing-group" "each row is a zarr group of its own";
    PLATE_UNLISTED_GROUP = Remark "plate/unlisted-group" "readers do not see it; add the row and its wells to the plate, or remove it";

    WELL = Schema "well/object" "";
    WELL_MISSING = Text "well/metadata-missing" "a well group has `well` metadata that lists its images";
    WELL_VERSION = Schema "well/version" "";
    WELL_VERSION_RECOMMENDED = Strict "well/version-missing" "write `version` into `well`";
    WELL_IMAGES = Schema "well/images" "";
    WELL_IMAGE_PATH = Schema "well/images/path" "";
    WELL_IMAGE_REPEATED = Schema "well/images/repeated" "";
    WELL_IMAGE_DUPLICATE = Text "well/images/duplicate-path" "list each image once";
    WELL_IMAGE_ACQUISITION = Schema "well/images/acquisition" "";
    WELL_ACQUISITION_UNKNOWN = Text "well/images/acquisition-unknown" "give the `id` of one of the plate's acquisitions";
    WELL_ACQUISITION_MISSING = Text "well/images/acquisition-missing" "with more than one acquisition, each image names its own";
    WELL_ACQUISITION_UNDECLARED = Advice "well/images/acquisition-undeclared" "list the acquisition in the plate's `acquisitions`";
    WELL_IMAGE_MISSING_GROUP = Text "well/images/missing-group" "write the image, or take it off the list";
    WELL_IMAGE_UNLISTED = Advice "well/images/unlisted" "readers do not see it; add it to `images`, or remove it";

    IMAGE_MISSING = Text "image/metadata-missing" "an image group has `multiscales` metadata";
    MULTISCALES = Schema "multiscales/list" "";
    MULTISCALES_REPEATED = Schema "multiscales/repeated" "";
    MULTISCALES_TEXT = Schema "multiscales/name" "";
    MULTISCALES_VERSION = Schema "multiscales/version" "";
    MULTISCALES_RECOMMENDED = Strict "multiscales/recommended" "write `name`, `type` and `metadata` (and in 0.4 `version`) for each multiscale image";
    AXES = Schema "axes/list" "an image has 2 to 5 axes";
    AXIS_NAME = Schema "axes/name" "";
    AXIS_TYPE = Schema "axes/type" "types are `space`, `time`, `channel`, or one of your own";
    AXIS_REPEATED = Schema "axes/repeated" "";
    AXIS_DUPLICATE = Text "axes/duplicate-name" "name the axes differently";
    AXES_SPACE_COUNT = Schema "axes/space-count" "an image has 2 or 3 axes of type `space`";
    AXES_OTHER_COUNT = Text "axes/other-count" "at most one axis of type `time`, and one of type `channel` or a type of your own";
    AXES_ORDER = Text "axes/order" "the order is time, then channel or custom, then space";
    AXES_ZYX = Advice "axes/zyx" "spatial axes SHOULD be ordered z, y, x";
    AXIS_UNTYPED = Advice "axes/untyped" "write the `type` of each axis";
    AXIS_UNIT = Advice "axes/unit" "units are UDUNITS-2 names such as `micrometer` or `second`";
    DATASETS = Schema "datasets/list" "";
    DATASET_PATH = Schema "datasets/path" "";
    DATASET_PATH_OUTSIDE = Text "datasets/path-outside" "the path is relative to the image group and stays inside the store";
    DATASET_DUPLICATE = Advice "datasets/duplicate-path" "list each level once";
    DATASET_MISSING = Text "datasets/missing-array" "write the array, or take it off the list";
    DATASET_DIMENSIONS = Text "datasets/dimensions" "an array has one dimension for each of the axes";
    DATASET_DIMENSION_NAMES = Text "datasets/dimension-names" "`dimension_names` of the array are the names of the axes";
    DATASET_ORDER = Text "datasets/order" "levels go from the largest to the smallest";
    DATASET_DTYPE = Text "datasets/data-type" "all levels of an image have one data type";
    DATASET_SHAPE_SCALE = Advice "datasets/shape-against-scale" "the shape of a level and its scale speak of different downsampling";
    TRANSFORMATIONS = Schema "transformations/list" "each level has exactly one `scale`, and at most one `translation` after it";
    TRANSFORMATION_TYPE = Schema "transformations/type" "";
    TRANSFORMATION_VALUES = Schema "transformations/values" "";
    TRANSFORMATION_ONE_SCALE = Schema "transformations/one-scale" "give exactly one transformation of type `scale`";
    TRANSFORMATION_ENDS = Schema "transformations/input-output" "name input and output as objects: {\"path\": ...} for an array, {\"name\": ...} for a coordinate system";
    TRANSFORMATION_ORDER = Text "transformations/order" "`translation` comes after `scale`, once";
    TRANSFORMATION_LENGTH = Text "transformations/length" "a vector has one number for each of the axes";
    TRANSFORMATION_SCALE_SIGN = Advice "transformations/scale-not-positive" "a pixel size is greater than zero";
    TRANSFORMATION_OUTPUT = Text "transformations/unknown-system" "`output` names one of `coordinateSystems`, the same one for all levels";
    SYSTEMS = Schema "systems/list" "";
    SYSTEM_NAME = Schema "systems/name" "";
    SYSTEM_REPEATED = Schema "systems/repeated" "";
    SYSTEM_DUPLICATE = Text "systems/duplicate-name" "name the coordinate systems differently";
    SCENE = Schema "scene/object" "";

    OMERO = Schema "omero/object" "";
    OMERO_CHANNELS = Schema "omero/channels" "";
    OMERO_CHANNEL_FIELD = Schema "omero/channels/field" "";
    OMERO_CHANNEL_REQUIRED = Schema "omero/channels/required" "each channel has `color` and `window` with `start`, `end`, `min` and `max`";
    OMERO_CHANNEL_EXPECTED = Text "omero/channels/expected" "each channel has `color` and `window` with `start`, `end`, `min` and `max`";
    OMERO_WINDOW = Schema "omero/channels/window" "`window` has the numbers `start`, `end`, `min` and `max`";
    OMERO_COLOR = Text "omero/channels/color" "six hexadecimal digits, such as `FF8000`";
    OMERO_CHANNEL_COUNT = Advice "omero/channels/count" "list as many channels as the channel axis is long";

    LABEL = Schema "image-label/object" "";
    LABEL_VERSION = Schema "image-label/version" "";
    LABEL_RECOMMENDED = Strict "image-label/recommended" "write `colors` (and in 0.4 `version`) into `image-label`";
    LABEL_COLORS = Schema "image-label/colors" "";
    LABEL_PROPERTIES = Schema "image-label/properties" "";
    LABEL_REPEATED = Schema "image-label/repeated" "";
    LABEL_VALUE = Schema "image-label/label-value" "";
    LABEL_VALUE_INTEGER = Text "image-label/label-value-integer" "label values are integers";
    LABEL_DUPLICATE = Text "image-label/duplicate-value" "readers keep one of the entries, not always the same; list each value once";
    LABEL_RGBA = Schema "image-label/rgba" "four integers from 0 to 255";
    LABEL_SOURCE = Schema "image-label/source" "";
    LABEL_NO_MULTISCALES = Text "image-label/no-multiscales" "a label image is an image: it has `multiscales` too";
    LABEL_SOURCE_MISSING = Text "image-label/source-missing" "`source.image` is the path from the label image to its image, `../../` by default";
    LABELS = Text "labels/list" "`labels` is a list of paths below the group";
    LABELS_MISSING = Text "labels/missing-image" "write the label image, or take it off the list";
    LABELS_UNLISTED = Advice "labels/unlisted" "readers that go by the list do not see it; add it to `labels`";
    LABELS_NOT_LABEL = Advice "labels/no-image-label" "a label image SHOULD have `image-label` metadata";
    LABELS_DTYPE = Text "labels/data-type" "label images have integer pixels";
    LABELS_LEVELS = Text "labels/level-count" "a label image has as many levels as its image";
    LABELS_SHAPE = Advice "labels/shape" "a dimension of a label image is as long as that of its image, or 1";

    BF2RAW = Schema "bioformats2raw/layout" "the layout is 3";
    BF2RAW_XML = Advice "bioformats2raw/no-ome-xml" "`OME/METADATA.ome.xml` SHOULD describe the images";
    BF2RAW_NO_IMAGE = Text "bioformats2raw/missing-image" "images are listed in `series` of the OME group, or numbered from 0";
    SERIES = Schema "series/list" "";

    ARRAY_SEPARATOR = Text "array/dimension-separator" "0.4 stores chunks in nested folders: `dimension_separator` is \"/\"; rename the chunks too";
    ARRAY_UNLISTED = Remark "array/unlisted" "readers do not see it; add it to `datasets`, or remove it";
    ARRAY_STRAY_FILE = Advice "array/stray-file" "not a chunk of this array: perhaps what an interrupted write left; remove it";
    CHUNKS_ABSENT = Data "chunks/absent" "readers take absent chunks for the fill value without a word; check that the writer finished, or let it write empty chunks too";
    CHUNKS_EMPTY_FILE = Text "chunks/empty-file" "a file of zero bytes is no chunk: an interrupted write or a full disk; write it again";
    CHUNKS_SHARD_INDEX = Text "chunks/shard-index" "without its index nothing in a shard can be found: an interrupted write or a damaged disk; write it again";
    CHUNKS_OUTSIDE = Advice "chunks/outside" "chunks beyond the shape are never read; the array was made smaller, or its metadata is wrong";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for rule in ALL {
            assert!(seen.insert(rule.id), "{} is used twice", rule.id);
            assert!(rule.id.split('/').count() >= 2, "{}", rule.id);
            assert!(rule.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_".contains(&b)));
        }
    }
}
