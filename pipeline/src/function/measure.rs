//! A row of numbers per object.

use polystore::{
    PixelType, Plane,
    backend::{Column, ColumnValues, Table},
    dispatch,
    model::PhysicalSize,
};

use crate::{
    Error, Result, Value, ValueKind,
    function::{Context, Function, Input, Inputs, Operation, Settings},
    image::{
        hull::convex_areas,
        intensity::{Intensity, intensities},
        objects::Objects,
        perimeter::perimeters,
        raster::View,
        shape::{self, Shape},
    },
};

/// Measures form and, with an intensity image, brightness of every label: one row each,
/// ordered by label.
///
/// Definitions are those of scikit-image's `regionprops`: centroids in px with pixel
/// centres at whole numbers, boxes from `min` up to but without `max`, the perimeter along
/// pixel centres, axes and orientation of the ellipse with the same second moments,
/// solidity as the part of the convex hull that is filled, the standard deviation of the
/// pixels themselves. `area_um2` is there when the size of a pixel is known. Several planes
/// of intensity (channels) have a set of columns each, named by channel where that is known
/// and numbered from 1 otherwise. NaN and infinite
/// pixels are left out of intensities; an object without others has NaN.
#[derive(Debug)]
pub(super) struct Measure;

static INPUTS: &[Input] = &[
    Input::LABELS,
    Input {
        name: "intensity",
        kind: ValueKind::Image,
        optional: true,
        about: "The image to measure inside the objects; of several planes, each.",
    },
];

impl Function for Measure {
    fn name(&self) -> &'static str {
        "measure"
    }

    fn about(&self) -> &'static str {
        "Area, place, form and intensity of every object, a row each"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    fn output(&self) -> ValueKind {
        ValueKind::Table
    }

    /// What it gives where there is no object.
    fn columns(
        &self,
        _settings: &Settings,
        inputs: &Inputs<'_>,
        context: &Context<'_>,
    ) -> Option<Table> {
        match MeasureObjects.run(inputs, context) {
            Ok(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    fn prepare(&self, _settings: &Settings) -> Result<Box<dyn Operation>> {
        Ok(Box::new(MeasureObjects))
    }
}

struct MeasureObjects;

impl Operation for MeasureObjects {
    fn run(&self, inputs: &Inputs<'_>, context: &Context<'_>) -> Result<Value> {
        let plane = inputs.stack("labels")?.only()?.convert(PixelType::U32);
        let objects = Objects::of(View::of(&plane)?);
        let mut columns = Columns::default();
        measure_form(&plane, &objects, context.physical_size, &mut columns)?;
        if inputs.get("intensity").is_some() {
            let images = inputs.stack("intensity")?.planes();
            let channels = inputs.channels("intensity").filter(|names| names.len() == images.len());
            for (at, image) in images.iter().enumerate() {
                same_shape(&plane, image)?;
                let which = match channels {
                    Some(names) => format!("_{}", names[at]),
                    None if images.len() == 1 => String::new(),
                    None => format!("_{}", at + 1),
                };
                measure_intensity(image, &objects, &which, &mut columns)?;
            }
        }
        Ok(Value::Table(Table { columns: columns.0 }))
    }
}

/// Labels and what is measured inside them must lie on the same pixels.
///
/// # Errors
/// `Function` when they do not.
pub(super) fn same_shape(labels: &Plane, image: &Plane) -> Result<()> {
    if labels.shape() == image.shape() {
        return Ok(());
    }
    Err(Error::function(format!(
        "the labels are {} pixels but the intensity image is {}",
        labels.shape(),
        image.shape()
    )))
}

/// Columns from left to right.
#[derive(Default)]
struct Columns(Vec<Column>);

impl Columns {
    fn whole(&mut self, name: &str, values: impl Iterator<Item = u64>) {
        let values = ColumnValues::Integer(values.map(|value| value as i64).collect());
        self.0.push(Column { name: name.to_owned(), values });
    }

    fn float(&mut self, name: &str, values: impl Iterator<Item = f64>) {
        let values = ColumnValues::Float(values.collect());
        self.0.push(Column { name: name.to_owned(), values });
    }
}

fn measure_form(
    plane: &Plane,
    objects: &Objects,
    size: PhysicalSize,
    columns: &mut Columns,
) -> Result<()> {
    let shapes = shape::shapes(objects);
    columns.whole("label", objects.labels.iter().map(|&label| u64::from(label)));
    columns.whole("area_px", shapes.iter().map(Shape::area));
    if let (Some(y_um), Some(x_um)) = (size.y_um, size.x_um) {
        columns.float("area_um2", shapes.iter().map(|shape| shape.area() as f64 * (y_um * x_um)));
    }
    columns.float("centroid_y_px", shapes.iter().map(|shape| shape.centroid().0));
    columns.float("centroid_x_px", shapes.iter().map(|shape| shape.centroid().1));
    columns.whole("bbox_min_y_px", shapes.iter().map(|shape| shape.top.into()));
    columns.whole("bbox_min_x_px", shapes.iter().map(|shape| shape.left.into()));
    columns.whole("bbox_max_y_px", shapes.iter().map(|shape| shape.bottom.into()));
    columns.whole("bbox_max_x_px", shapes.iter().map(|shape| shape.right.into()));
    columns.float("equivalent_diameter_px", shapes.iter().map(Shape::equivalent_diameter));
    columns.float("perimeter_px", perimeters(View::of(plane)?, objects).into_iter());
    let ellipses: Vec<_> = shapes.iter().map(Shape::ellipse).collect();
    columns.float("major_axis_px", ellipses.iter().map(|ellipse| ellipse.major));
    columns.float("minor_axis_px", ellipses.iter().map(|ellipse| ellipse.minor));
    columns.float("eccentricity", ellipses.iter().map(|ellipse| ellipse.eccentricity));
    columns.float("orientation_rad", ellipses.iter().map(|ellipse| ellipse.orientation));
    let hulls = shapes.iter().zip(convex_areas(objects));
    columns.float("solidity", hulls.map(|(shape, hull)| shape.area() as f64 / hull as f64));
    columns.float("extent", shapes.iter().map(Shape::extent));
    Ok(())
}

fn measure_intensity(
    image: &Plane,
    objects: &Objects,
    which: &str,
    columns: &mut Columns,
) -> Result<()> {
    let measured = dispatch!(image.pixel_type(), T => intensities(View::<T>::of(image)?, objects))?;
    let mut column = |name: &str, value: fn(&Intensity) -> f64| {
        columns.float(&format!("intensity{which}_{name}"), measured.iter().map(value));
    };
    column("mean", |intensity| intensity.mean);
    column("sum", |intensity| intensity.sum);
    column("min", |intensity| intensity.min);
    column("max", |intensity| intensity.max);
    column("std", |intensity| intensity.standard_deviation);
    column("median", |intensity| intensity.median);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;
    use crate::Stack;

    fn measured(labels: Array2<u32>, images: Vec<Plane>, context: &Context<'_>) -> Table {
        let labels = Value::Labels(Stack::single(Plane::from_array(labels)));
        let images = (!images.is_empty()).then(|| Value::Image(Stack::new(images).unwrap()));
        let mut inputs = Inputs::new().with("labels", &labels);
        if let Some(images) = &images {
            inputs = inputs.with("intensity", images);
        }
        match MeasureObjects.run(&inputs, context).unwrap() {
            Value::Table(table) => table,
            other => panic!("measured a {}", other.kind().as_str()),
        }
    }

    fn whole(table: &Table, name: &str) -> Vec<i64> {
        match table.column(name) {
            Some(ColumnValues::Integer(values)) => values.clone(),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn areas_in_um_need_the_size_of_a_pixel() {
        let labels = array![[1u32, 1], [0, 5]];
        let plain = measured(labels.clone(), vec![], &Context::default());
        assert_eq!(whole(&plain, "label"), [1, 5]);
        assert!(plain.column("area_um2").is_none() && plain.column("intensity_mean").is_none());
        let context = Context { physical_size: PhysicalSize::square(0.5), channel: None };
        let sized = measured(labels, vec![], &context);
        assert_eq!(sized.column("area_um2"), Some(&ColumnValues::Float(vec![0.5, 0.25])));
    }

    #[test]
    fn channels_have_columns_of_their_own() {
        let planes = vec![Plane::from_array(array![[4u8, 6]]), Plane::from_array(array![[1u8, 9]])];
        let table = measured(array![[1u32, 1]], planes, &Context::default());
        assert_eq!(table.column("intensity_1_mean"), Some(&ColumnValues::Float(vec![5.0])));
        assert_eq!(table.column("intensity_2_max"), Some(&ColumnValues::Float(vec![9.0])));
    }

    #[test]
    fn known_channels_name_their_columns() {
        let labels = Value::Labels(Stack::single(Plane::from_array(array![[1u32, 1]])));
        let images = Value::Image(Stack::single(Plane::from_array(array![[4u8, 6]])));
        let names = ["GFP".to_owned()];
        let inputs = Inputs::new()
            .with("labels", &labels)
            .with("intensity", &images)
            .with_channels("intensity", &names);
        let Value::Table(table) = MeasureObjects.run(&inputs, &Context::default()).unwrap() else {
            panic!("measuring gives a table")
        };
        assert_eq!(table.column("intensity_GFP_mean"), Some(&ColumnValues::Float(vec![5.0])));
    }

    #[test]
    fn no_objects_are_no_rows_and_wrong_shapes_are_refused() {
        let image = Plane::from_array(array![[4u8, 6]]);
        let table = measured(array![[0u32, 0]], vec![image.clone()], &Context::default());
        assert_eq!((table.n_rows(), table.columns.len()), (0, 22));
        let labels = Value::Labels(Stack::single(Plane::from_array(array![[1u32], [1]])));
        let image = Value::Image(Stack::single(image));
        let inputs = Inputs::new().with("labels", &labels).with("intensity", &image);
        assert!(MeasureObjects.run(&inputs, &Context::default()).is_err());
    }

    proptest! {
        #[test]
        fn areas_and_sums_add_up_to_the_foreground(
            height in 1usize..9,
            width in 1usize..9,
            labels in prop::collection::vec(0u32..5, 81),
            pixels in prop::collection::vec(any::<u16>(), 81),
        ) {
            let labels = Array2::from_shape_vec((height, width), labels[..height * width].to_vec()).unwrap();
            let image = Array2::from_shape_vec((height, width), pixels[..height * width].to_vec()).unwrap();
            let total: f64 = labels.iter().zip(&image).filter(|(label, _)| **label != 0).map(|(_, &pixel)| f64::from(pixel)).sum();
            let n_pixels = labels.iter().filter(|&&label| label != 0).count();
            let table = measured(labels, vec![Plane::from_array(image)], &Context::default());
            prop_assert_eq!(whole(&table, "area_px").iter().sum::<i64>(), n_pixels as i64);
            let Some(ColumnValues::Float(sums)) = table.column("intensity_sum") else { panic!() };
            prop_assert_eq!(sums.iter().sum::<f64>(), total);
        }
    }
}
