//! The brightest value along the consumed axis, pixel by pixel.

use polystore::{Element, Plane, dispatch};

use crate::{
    Result, Stack, Value,
    function::{Context, Function, Inputs, Operation, Scope, Settings},
};

/// Maximum-intensity projection: `[n, y, x]` to `[1, y, x]`, same pixel type.
#[derive(Debug)]
pub(super) struct MaxProjection;

impl Function for MaxProjection {
    fn name(&self) -> &'static str {
        "max_projection"
    }

    fn about(&self) -> &'static str {
        "The brightest value along the consumed axis, pixel by pixel"
    }

    fn scope(&self) -> Scope {
        Scope::Stack
    }

    fn prepare(&self, _settings: &Settings) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Project))
    }
}

struct Project;

impl Operation for Project {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        let planes = inputs.stack("image")?.planes();
        let (first, rest) = match planes {
            [only] => return Ok(Value::Image(Stack::single(only.clone()))),
            [first, rest @ ..] => (first, rest),
            [] => return Err(crate::Error::function("there are no planes to project")),
        };
        dispatch!(first.pixel_type(), T => {
            let mut brightest: Vec<T> = first.as_slice::<T>()?.to_vec();
            for plane in rest {
                keep_brightest(&mut brightest, plane.as_slice::<T>()?);
            }
            Ok(Value::Image(Stack::single(Plane::from_vec(first.shape(), brightest)?)))
        })
    }
}

fn keep_brightest<T: Element>(brightest: &mut [T], pixels: &[T]) {
    for (best, &pixel) in brightest.iter_mut().zip(pixels) {
        *best = if pixel > *best { pixel } else { *best };
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn each_pixel_is_the_brightest_of_its_column() {
        let planes = vec![
            Plane::from_array(array![[1u16, 9], [3, 4]]),
            Plane::from_array(array![[5u16, 2], [3, 7]]),
        ];
        let image = Value::Image(Stack::new(planes).unwrap());
        let inputs = Inputs::new().with("image", &image);
        let result = Project.run(&inputs, &Context::default()).unwrap();
        let plane = result.stack().unwrap().only().unwrap();
        assert_eq!(plane.as_array::<u16>().unwrap(), array![[5u16, 9], [3, 7]]);
    }
}
