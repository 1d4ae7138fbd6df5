//! `polystore functions`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore_pipeline::function::{Function, function, functions};
use serde_json::{Value, json};

use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore functions
  polystore functions gaussian                its inputs and parameters")]
pub(crate) struct Args {
    /// One function, with its parameters
    name: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let chosen = match &args.name {
        Some(name) => vec![function(name, "the command line")?],
        None => functions(),
    };
    if global.json {
        output::json(&chosen.iter().map(|function| describe(*function)).collect::<Vec<_>>())?;
    } else if args.name.is_some() {
        chosen.iter().try_for_each(|function| print(*function))?;
    } else {
        let mut table = output::table(&["function", "what it does"]);
        for function in chosen {
            table.add_row([function.name(), function.about()]);
        }
        output::block(table)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(function: &dyn Function) -> Result<()> {
    output::line(format_args!("{}: {}", function.name(), function.about()))?;
    output::line(format_args!("gives {}", function.output().as_str()))?;
    for input in function.inputs() {
        let optional = if input.optional { ", optional" } else { "" };
        let kind = input.kind.as_str();
        output::line(format_args!("  input {} ({kind}{optional}): {}", input.name, input.about))?;
    }
    for parameter in function.parameters() {
        let unit = if parameter.unit.is_empty() {
            String::new()
        } else {
            format!(", in {}", parameter.unit)
        };
        output::line(format_args!("  {} = {}{unit}", parameter.name, parameter.describe()))?;
        output::line(format_args!("      {}", parameter.about))?;
    }
    Ok(())
}

fn describe(function: &dyn Function) -> Value {
    let inputs: Vec<_> = function
        .inputs()
        .iter()
        .map(|input| json!({ "name": input.name, "kind": input.kind, "optional": input.optional, "about": input.about }))
        .collect();
    let parameters: Vec<_> = function
        .parameters()
        .iter()
        .map(|parameter| {
            json!({ "name": parameter.name, "takes": parameter.describe(), "unit": parameter.unit, "about": parameter.about })
        })
        .collect();
    json!({
        "name": function.name(),
        "about": function.about(),
        "output": function.output(),
        "inputs": inputs,
        "parameters": parameters,
    })
}
