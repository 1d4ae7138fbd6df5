//! The brightest value along the consumed axis, pixel by pixel.

use polystore::dispatch;

use crate::{
    Result, Stack, Value,
    function::{Context, Function, Inputs, Operation, Scope, Settings},
    image::projection,
};

/// Maximum-intensity projection: `[n, y, x]` to `[1, y, x]`, same pixel type; NaN where any
/// plane has it.
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
        if let [only] = planes {
            return Ok(Value::Image(Stack::single(only.clone())));
        }
        let pixel_type = planes[0].pixel_type();
        let projection = dispatch!(pixel_type, T => projection::maximum::<T>(planes))?;
        Ok(Value::Image(Stack::single(projection)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use polystore::Plane;

    use super::*;

    fn project(planes: Vec<Plane>) -> Plane {
        let image = Value::Image(Stack::new(planes).unwrap());
        let inputs = Inputs::new().with("image", &image);
        let result = Project.run(&inputs, &Context::default()).unwrap();
        result.stack().unwrap().only().unwrap().clone()
    }

    #[test]
    fn each_pixel_is_the_brightest_of_its_column() {
        let planes = vec![
            Plane::from_array(array![[1u16, 9], [3, 4]]),
            Plane::from_array(array![[5u16, 2], [3, 7]]),
        ];
        assert_eq!(project(planes).as_array::<u16>().unwrap(), array![[5u16, 9], [3, 7]]);
    }

    #[test]
    fn nan_wins_in_any_order() {
        let planes = vec![
            Plane::from_array(array![[f32::NAN, 1.0, 1.0]]),
            Plane::from_array(array![[1.0f32, f32::NAN, 2.0]]),
        ];
        let projection = project(planes);
        let pixels = projection.as_slice::<f32>().unwrap();
        assert!(pixels[0].is_nan() && pixels[1].is_nan() && pixels[2] == 2.0);
    }
}
