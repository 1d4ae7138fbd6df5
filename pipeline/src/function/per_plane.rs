//! Operations that treat each plane on its own, whatever their number.

use polystore::{PixelType, Plane};

use super::{Context, Inputs, Operation};
use crate::{Result, Stack, Value};

/// An operation made of a function on planes.
struct PerPlane<F> {
    input: &'static str,
    wrap: fn(Stack) -> Value,
    change: F,
}

impl<F: Fn(&Plane) -> Result<Plane> + Send + Sync> Operation for PerPlane<F> {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        inputs.stack(self.input)?.map(&self.change).map(self.wrap)
    }
}

/// Images to images.
pub(super) fn filter(
    change: impl Fn(&Plane) -> Result<Plane> + Send + Sync + 'static,
) -> Box<dyn Operation> {
    Box::new(PerPlane { input: "image", wrap: Value::Image, change })
}

/// Images to labels.
pub(super) fn segment(
    change: impl Fn(&Plane) -> Result<Plane> + Send + Sync + 'static,
) -> Box<dyn Operation> {
    Box::new(PerPlane { input: "image", wrap: Value::Labels, change })
}

/// Labels to labels; the planes that `change` sees are `u32`.
pub(super) fn relabel(
    change: impl Fn(&Plane) -> Result<Plane> + Send + Sync + 'static,
) -> Box<dyn Operation> {
    let change = move |plane: &Plane| change(&plane.convert(PixelType::U32));
    Box::new(PerPlane { input: "labels", wrap: Value::Labels, change })
}
