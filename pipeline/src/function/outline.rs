//! Outlines of objects as regions of interest.

use polystore::{
    PixelType,
    backend::{Roi, Shape},
};

use crate::{
    Result, Value, ValueKind,
    function::{Context, Function, Input, Inputs, Operation, Settings},
    image::{outline, raster::View},
};

/// Polygons around objects along the edges of their pixels, so that a polygon holds
/// exactly the pixels of its object, holes filled. Named by label (`0007`); an object in
/// several pieces has a polygon for each (`0007`, `0007-2`).
#[derive(Debug)]
pub(super) struct Outline;

impl Function for Outline {
    fn name(&self) -> &'static str {
        "outline"
    }

    fn about(&self) -> &'static str {
        "Polygons around objects, as regions of interest"
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input::LABELS]
    }

    fn output(&self) -> ValueKind {
        ValueKind::Rois
    }

    fn prepare(&self, _settings: &Settings) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Trace))
    }
}

struct Trace;

impl Operation for Trace {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        let plane = inputs.stack("labels")?.only()?.convert(PixelType::U32);
        let mut outlines = outline::outlines(View::of(&plane)?);
        // Pieces of an object come together; the sort keeps their order.
        outlines.sort_by_key(|outline| outline.label);
        let pieces = outlines.chunk_by(|one, other| one.label == other.label);
        let rois =
            pieces.flat_map(|pieces| pieces.iter().enumerate().map(|(at, piece)| roi(at, piece)));
        Ok(Value::Rois(rois.collect()))
    }
}

fn roi(piece: usize, outline: &outline::Outline) -> Roi {
    let label = outline.label;
    let name = match piece {
        0 => format!("{label:04}"),
        _ => format!("{label:04}-{}", piece + 1),
    };
    let corners = outline.corners.iter().map(|&(x, y)| (f64::from(x), f64::from(y)));
    Roi { name, shape: Shape::Polygon(corners.collect()), index: None }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use polystore::Plane;

    use super::*;
    use crate::Stack;

    #[test]
    fn pieces_are_named_by_label() {
        let plane = Plane::from_array(array![[3u16, 0, 1, 0, 3]]);
        let labels = Value::Labels(Stack::single(plane));
        let result = Trace.run(&Inputs::new().with("labels", &labels), &Context::default());
        let Value::Rois(rois) = result.unwrap() else { panic!("outlines are rois") };
        let names: Vec<_> = rois.iter().map(|roi| roi.name.as_str()).collect();
        assert_eq!(names, ["0001", "0003", "0003-2"]);
        let square = vec![(2.0, 0.0), (3.0, 0.0), (3.0, 1.0), (2.0, 1.0)];
        assert_eq!(rois[0].shape, Shape::Polygon(square));
    }
}
