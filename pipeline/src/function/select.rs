//! One plane of the consumed axis.

use polystore::{Plane, dispatch};

use crate::{
    Result, Stack, Value,
    function::{Context, Function, Inputs, Operation, Parameter, ParameterKind, Scope, Settings},
    image::{raster::View, sharpness::sharpness},
};

/// Picks one section: `[n, y, x]` to `[1, y, x]`, pixels unchanged. The middle of an even
/// number is the later of the two; of equally sharp sections the first is taken.
#[derive(Debug)]
pub(super) struct Select;

static PARAMETERS: &[Parameter] = &[Parameter {
    name: "which",
    kind: ParameterKind::Choice(&["middle", "first", "last", "sharpest"]),
    unit: "",
    about: "Which section to take.",
}];

impl Function for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn about(&self) -> &'static str {
        "One section of the consumed axis: the first, middle, last or sharpest"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn scope(&self) -> Scope {
        Scope::Stack
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        Ok(Box::new(match settings.text("which")? {
            "first" => Which::First,
            "last" => Which::Last,
            "sharpest" => Which::Sharpest,
            _ => Which::Middle,
        }))
    }
}

#[derive(Clone, Copy)]
enum Which {
    First,
    Middle,
    Last,
    Sharpest,
}

impl Operation for Which {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        let planes = inputs.stack("image")?.planes();
        let at = match self {
            Self::First => 0,
            Self::Middle => planes.len() / 2,
            Self::Last => planes.len() - 1,
            Self::Sharpest => sharpest(planes)?,
        };
        Ok(Value::Image(Stack::single(planes[at].clone())))
    }
}

fn sharpest(planes: &[Plane]) -> Result<usize> {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, plane) in planes.iter().enumerate() {
        let sharpness = dispatch!(plane.pixel_type(), T => sharpness(View::<T>::of(plane)?));
        if sharpness > best.1 {
            best = (at, sharpness);
        }
    }
    Ok(best.0)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn sections_are_picked_by_place_or_sharpness() {
        let flat = Plane::from_array(Array2::from_elem((5, 5), 7u8));
        let edge = Plane::from_array(Array2::from_shape_fn((5, 5), |(_, x)| 200 * u8::from(x > 2)));
        let ramp = Plane::from_array(Array2::from_shape_fn((5, 5), |(_, x)| 50 * x as u8));
        let image =
            Value::Image(Stack::new(vec![flat.clone(), edge.clone(), ramp.clone()]).unwrap());
        let pick = |which: Which| {
            let picked = which.run(&Inputs::new().with("image", &image), &Context::default());
            picked.unwrap().stack().unwrap().only().unwrap().clone()
        };
        assert_eq!(pick(Which::First), flat);
        assert_eq!(pick(Which::Middle), edge);
        assert_eq!(pick(Which::Last), ramp);
        assert_eq!(pick(Which::Sharpest), edge);
    }
}
