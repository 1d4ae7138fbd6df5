//! Runs the program of a unit on planes in memory: the part that rayon does.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use polystore::Plane;

use crate::{
    Error, FunctionCall, Result, Stack, Value, ValueKind,
    function::{Context, Function, Inputs, Operation, Scope, function},
    plan::{Call, CallInput, ExecutionPlan, Program},
};

/// The functions of a plan, ready to run: by step, then by chain.
pub(super) struct Functions {
    steps: Vec<HashMap<String, Vec<Ready>>>,
}

struct Ready {
    function: &'static dyn Function,
    operation: Box<dyn Operation>,
}

impl Functions {
    /// Looks up the functions of `plan` in this process.
    ///
    /// # Errors
    /// `Pipeline` when one is not registered here, or in another version than the plan was
    /// made with.
    pub(super) fn of(plan: &ExecutionPlan) -> Result<Self> {
        for (name, version) in &plan.functions {
            let here = function(name, "plan")?.version();
            if here != *version {
                let message =
                    format!("`{name}` is of version {here} here, and of {version} in the plan");
                return Err(Error::pipeline("plan", message).with_hint("compile it again"));
            }
        }
        let ready = |call: &FunctionCall| {
            let function = function(&call.function, "plan")?;
            Ok(Ready { function, operation: function.prepare(&call.settings)? })
        };
        let steps = plan.pipeline.steps().iter().map(|step| {
            let chains = step.work().chains().into_iter();
            chains
                .map(|(channel, chain)| {
                    let chain: Result<Vec<_>> = chain.iter().map(ready).collect();
                    Ok((channel.to_owned(), chain?))
                })
                .collect()
        });
        Ok(Self { steps: steps.collect::<Result<_>>()? })
    }

    fn chain(&self, call: &Call) -> Result<&[Ready]> {
        let step = self.steps.get(call.step as usize);
        let chain = step.and_then(|chains| chains.get(&call.chain));
        chain
            .map(Vec::as_slice)
            .ok_or_else(|| Error::pipeline("plan", "a call names a chain that is not there"))
    }
}

/// One unit's work.
pub(super) struct Work<'a> {
    pub(super) plan: &'a ExecutionPlan,
    pub(super) program: &'a Program,
    pub(super) functions: &'a Functions,
    pub(super) unit: &'a str,
    /// Asked between calls.
    pub(super) stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Work<'_> {
    /// Runs all calls on `planes`, in the order of the program's reads. Returns what is
    /// stored, in the order of its writes.
    ///
    /// # Errors
    /// `Step` naming the step and the place; `Cancelled`.
    pub(super) fn run(&self, planes: Vec<Plane>) -> Result<Vec<Value>> {
        let mut values = Values::new(self.program, planes);
        for (call, number) in self.program.calls.iter().zip(self.program.reads.len()..) {
            if (self.stopped)() {
                return Err(Error::Cancelled);
            }
            let result = self.call(call, &values).map_err(|error| self.told(call, error))?;
            values.set(number, result);
            values.used(&call.inputs);
        }
        self.program.writes.iter().map(|write| values.get(write.value).cloned()).collect()
    }

    fn told(&self, call: &Call, source: Error) -> Error {
        let step = self.plan.pipeline.steps().get(call.step as usize);
        let place = call.key.to_string();
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        Error::Step {
            step: step.map_or_else(String::new, |step| step.name().to_owned()),
            unit: format!("{}{place}", self.unit),
            source: Box::new(source),
        }
    }

    fn call(&self, call: &Call, values: &Values) -> Result<Value> {
        let mut current = values.gather(call.inputs.first())?;
        let named: Vec<(&str, Value, Vec<String>)> = call
            .inputs
            .iter()
            .skip(1)
            .map(|input| {
                Ok((input.name.as_str(), values.gather(Some(input))?, self.channels(input)))
            })
            .collect::<Result<_>>()?;
        let channel = call.key.c.and_then(|c| self.program.channels.get(c as usize));
        let context = Context {
            physical_size: self.program.physical_size,
            channel: channel.map(String::as_str),
        };
        for ready in self.functions.chain(call)? {
            current = caught(|| apply(ready, &current, &named, &context))?;
            if current.kind() != ready.function.output() {
                return Err(Error::function(format!(
                    "`{}` says that it gives {}, but gave {}",
                    ready.function.name(),
                    ready.function.output().as_str(),
                    current.kind().as_str()
                )));
            }
        }
        check_declared(call, &current)?;
        Ok(current)
    }

    fn channels(&self, input: &CallInput) -> Vec<String> {
        let name = |c: &u32| self.program.channels.get(*c as usize).cloned().unwrap_or_default();
        input.channels.iter().map(name).collect()
    }
}

/// What a call gives must be what its plan says, since results were declared by it.
fn check_declared(call: &Call, value: &Value) -> Result<()> {
    let (Some(declared), Some(stack)) = (call.output, value.stack()) else { return Ok(()) };
    let planes = stack.plane_kind();
    if stack.planes().len() == 1 && planes == declared {
        return Ok(());
    }
    Err(Error::function(format!(
        "expected one plane of {} {}, got {} of {} {}; does the last function declare its output_planes?",
        declared.shape,
        declared.pixel_type,
        stack.planes().len(),
        planes.shape,
        planes.pixel_type
    )))
}

/// Applies one function; plane by plane where it works on planes.
fn apply(
    ready: &Ready,
    current: &Value,
    named: &[(&str, Value, Vec<String>)],
    context: &Context<'_>,
) -> Result<Value> {
    let stack = current.stack().filter(|stack| stack.planes().len() > 1);
    let (Scope::Plane, Some(stack)) = (ready.function.scope(), stack) else {
        return run(ready, current, named, context);
    };
    let n = stack.planes().len();
    let mut planes = Vec::with_capacity(n);
    for (at, plane) in stack.planes().iter().enumerate() {
        let one = with_planes(current, Stack::single(plane.clone()));
        let beside: Vec<_> = named
            .iter()
            .map(|(name, value, channels)| {
                (*name, plane_beside(value, channels, at, n), channels.clone())
            })
            .collect();
        let result = run(ready, &one, &beside, context)?;
        let result = result.stack().ok_or_else(|| Error::function("expected planes"))?;
        planes.extend(result.planes().iter().cloned());
    }
    let planes = Stack::new(planes)?;
    Ok(match ready.function.output() {
        ValueKind::Labels => Value::Labels(planes),
        _ => Value::Image(planes),
    })
}

/// Plane `at` of an input that has one for each of `n`; channels belong together.
fn plane_beside(value: &Value, channels: &[String], at: usize, n: usize) -> Value {
    match value.stack() {
        Some(stack) if channels.is_empty() && stack.planes().len() == n => {
            with_planes(value, Stack::single(stack.planes()[at].clone()))
        }
        _ => value.clone(),
    }
}

/// The same kind of value with other planes.
fn with_planes(value: &Value, planes: Stack) -> Value {
    match value {
        Value::Labels(_) => Value::Labels(planes),
        _ => Value::Image(planes),
    }
}

fn run(
    ready: &Ready,
    current: &Value,
    named: &[(&str, Value, Vec<String>)],
    context: &Context<'_>,
) -> Result<Value> {
    let mut inputs = Inputs::new();
    for (at, input) in ready.function.inputs().iter().enumerate() {
        if at == 0 {
            inputs = inputs.with(input.name, current);
        } else if let Some((_, value, channels)) =
            named.iter().find(|(name, ..)| *name == input.name)
        {
            inputs = inputs.with(input.name, value);
            if !channels.is_empty() {
                inputs = inputs.with_channels(input.name, channels);
            }
        }
    }
    ready.operation.run(&inputs, context)
}

/// A function that panics fails its unit, not the run.
fn caught<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::function(format!("the function panicked: {text}")))
    })
}

/// The values of a unit. Each is dropped when nothing needs it any more.
struct Values {
    values: Vec<Option<Value>>,
    uses: Vec<u32>,
}

impl Values {
    fn new(program: &Program, planes: Vec<Plane>) -> Self {
        let read = planes.into_iter().map(|plane| Some(Value::Image(Stack::single(plane))));
        let mut values: Vec<_> = read.collect();
        values.resize(program.reads.len() + program.calls.len(), None);
        Self { values, uses: program.n_uses() }
    }

    fn get(&self, number: u32) -> Result<&Value> {
        let value = self.values.get(number as usize).and_then(Option::as_ref);
        value.ok_or_else(|| Error::pipeline("plan", "a call needs a value that is not there"))
    }

    fn set(&mut self, number: usize, value: Value) {
        if let Some(slot) = self.values.get_mut(number) {
            *slot = Some(value);
        }
    }

    fn used(&mut self, inputs: &[CallInput]) {
        for value in inputs.iter().flat_map(|input| &input.values) {
            let at = *value as usize;
            if let Some(left) = self.uses.get_mut(at) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.values[at] = None;
                }
            }
        }
    }

    /// The value of an input; planes of several values as one stack.
    fn gather(&self, input: Option<&CallInput>) -> Result<Value> {
        let numbers = input.map(|input| input.values.as_slice()).unwrap_or_default();
        let [first, rest @ ..] = numbers else {
            return Err(Error::pipeline("plan", "a call has an input without values"));
        };
        let first = self.get(*first)?;
        if rest.is_empty() {
            return Ok(first.clone());
        }
        let mut planes = Vec::new();
        for number in numbers {
            let stack = self.get(*number)?.stack();
            let stack = stack.ok_or_else(|| Error::function("tables cannot be stacked"))?;
            planes.extend(stack.planes().iter().cloned());
        }
        Ok(with_planes(first, Stack::new(planes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        let error = caught::<()>(|| panic!("no {}", "pixels")).unwrap_err();
        assert_eq!(error.to_string(), "the function panicked: no pixels");
    }
}
