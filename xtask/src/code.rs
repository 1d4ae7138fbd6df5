//! Rust from the schema of `ice`: tables that macros of `ice::typed` turn into types.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};

use crate::{
    names::{screaming, snake, variant},
    write::{Item, Module, modules},
};

/// What a name is of.
#[derive(Clone, Copy)]
enum Of<'s> {
    Enum,
    Struct,
    Sequence(&'s str),
    Dictionary(&'s str, &'s str),
    Class,
    Exception,
    Interface,
    Constant,
}

/// A declaration of the schema.
struct Declaration<'s> {
    kind: &'s str,
    id: &'s str,
    /// Its position among those of its kind.
    number: usize,
    /// What comes behind the name.
    parts: Vec<&'s str>,
    /// Lines of operations.
    operations: Vec<&'s str>,
}

/// The schema by name.
struct Names<'s> {
    of: HashMap<&'s str, Of<'s>>,
    /// Declarations of classes and exceptions.
    bases: HashMap<&'s str, &'s str>,
    n_members: HashMap<&'s str, usize>,
}

/// The files of the generated code by name.
///
/// # Errors
/// When the schema is none.
pub(crate) fn files(schema: &str) -> Result<BTreeMap<String, String>> {
    let declarations = declarations(schema)?;
    let names = Names::new(&declarations)?;
    let mut by_scope: BTreeMap<Vec<String>, Module> = BTreeMap::new();
    for declaration in &declarations {
        let Some(item) = names.item(declaration).with_context(|| declaration.id.to_owned())? else {
            continue;
        };
        by_scope.entry(scope(declaration.id)).or_default().items.push(item);
    }
    Ok(modules(by_scope))
}

fn declarations(schema: &str) -> Result<Vec<Declaration<'_>>> {
    let mut counts = HashMap::new();
    let mut out: Vec<Declaration<'_>> = Vec::new();
    for line in schema.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            let interface = out.last_mut().context("an operation has no interface")?;
            interface.operations.push(line);
            continue;
        }
        let mut parts = line.split(' ');
        let kind = parts.next().context("an empty line")?;
        let id = parts.next().with_context(|| format!("`{line}` has no name"))?;
        let count = counts.entry(kind).or_insert(0);
        let declaration = Declaration {
            kind,
            id,
            number: *count,
            parts: parts.collect(),
            operations: Vec::new(),
        };
        *count += 1;
        out.push(declaration);
    }
    Ok(out)
}

/// The Rust module of a scoped name, below `omero`: that of `::omero::model::Plate` is `model`.
fn scope(id: &str) -> Vec<String> {
    let mut parts: Vec<&str> = id.trim_start_matches("::").split("::").collect();
    parts.pop();
    if parts.first() == Some(&"omero") {
        parts.remove(0);
    }
    parts.into_iter().map(|part| part.to_ascii_lowercase()).collect()
}

fn simple(id: &str) -> &str {
    id.rsplit("::").next().unwrap_or(id)
}

impl<'s> Names<'s> {
    fn new(declarations: &[Declaration<'s>]) -> Result<Self> {
        let mut names =
            Self { of: HashMap::new(), bases: HashMap::new(), n_members: HashMap::new() };
        for declaration in declarations {
            let part = |at: usize| {
                let part = declaration.parts.get(at).copied();
                part.with_context(|| format!("`{}` has too few parts", declaration.id))
            };
            let of = match declaration.kind {
                "enum" => Of::Enum,
                "struct" => Of::Struct,
                "sequence" => Of::Sequence(part(0)?),
                "dictionary" => Of::Dictionary(part(0)?, part(1)?),
                "class" => Of::Class,
                "exception" => Of::Exception,
                "interface" => Of::Interface,
                "constant" => Of::Constant,
                other => bail!("there is no `{other}`"),
            };
            if matches!(of, Of::Class | Of::Exception) && part(0)? != "-" {
                names.bases.insert(declaration.id, part(0)?);
            }
            let n_members = declaration.parts.iter().filter(|part| part.contains('=')).count();
            names.n_members.insert(declaration.id, n_members);
            names.of.insert(declaration.id, of);
        }
        Ok(names)
    }

    /// What a class is derived from, nearest first.
    fn bases(&self, id: &'s str) -> impl Iterator<Item = &'s str> + '_ {
        std::iter::successors(Some(id), |id| self.bases.get(id).copied()).skip(1)
    }

    /// A type in a file of the module of `from`.
    fn path(from: &str, id: &str) -> String {
        let (here, there) = (scope(from), scope(id));
        if here == there {
            return simple(id).to_owned();
        }
        let mut path = vec!["omero".to_owned()];
        path.extend(there);
        path.push(simple(id).to_owned());
        path.join("::")
    }

    /// The kind of a type, as `ice::typed` calls it.
    fn kind(&self, from: &str, of: &str) -> Result<String> {
        let primitive = |of: &str| {
            Some(match of {
                "bool" => "bool",
                "byte" => "u8",
                "short" => "i16",
                "int" => "i32",
                "long" => "i64",
                "float" => "f32",
                "double" => "f64",
                "string" => "Text",
                _ => return None,
            })
        };
        if let Some(found) = primitive(of) {
            return Ok(found.to_owned());
        }
        if of == "::Ice::Object" {
            return Ok("Instance<AnyObject>".to_owned());
        }
        if let Some(id) = of.strip_suffix('*') {
            return Ok(match self.of.get(id) {
                Some(Of::Interface) => format!("To<{}>", Self::path(from, id)),
                _ => "To<AnyInterface>".to_owned(),
            });
        }
        Ok(match self.of.get(of).with_context(|| format!("`{of}` is not declared"))? {
            Of::Enum => Self::path(from, of),
            Of::Struct => format!("Record<{}>", Self::path(from, of)),
            Of::Class => format!("Instance<{}>", Self::path(from, of)),
            Of::Sequence("byte") => "Bytes".to_owned(),
            Of::Sequence("string") => "List<Text>".to_owned(),
            Of::Sequence(element) => match primitive(element) {
                Some(number) => format!("Numbers<{number}>"),
                None => format!("List<{}>", self.kind(from, element)?),
            },
            Of::Dictionary(key, value) => {
                format!("Map<{}, {}>", self.kind(from, key)?, self.kind(from, value)?)
            }
            Of::Exception | Of::Interface | Of::Constant => bail!("`{of}` is no type of a value"),
        })
    }

    /// What a declaration becomes; nothing for sequences and dictionaries, which have no names.
    fn item(&self, declaration: &Declaration<'s>) -> Result<Option<Item>> {
        let id = declaration.id;
        let name = simple(id);
        let head = match declaration.kind {
            "enum" => format!("{name} \"{id}\""),
            "struct" => format!("{name} {} \"{id}\"", declaration.number),
            "class" | "exception" => {
                let bases: Vec<String> = self.bases(id).map(|base| Self::path(id, base)).collect();
                format!("{name} {} \"{id}\" ({})", declaration.number, bases.join(", "))
            }
            "interface" => format!("{name} \"{id}\""),
            "constant" => {
                let (of, value) = declaration.parts.split_first().context("no value")?;
                let value = value.join(" ");
                let literal = if *of == "string" { format!("{value:?}") } else { value };
                format!("{name} {of} \"{id}\" {literal}")
            }
            _ => return Ok(None),
        };
        let (is_packed, entries) = match declaration.kind {
            "constant" => (true, Vec::new()),
            "enum" => (true, declaration.parts.iter().map(|part| enumerator(part)).collect()),
            "interface" => {
                let lines = declaration.operations.iter();
                (false, lines.map(|line| self.operation(id, line)).collect())
            }
            _ => (true, self.fields(declaration)),
        };
        let entries = entries.into_iter().collect::<Result<Vec<String>>>()?;
        Ok(Some(Item { kind: declaration.kind.to_owned(), head, entries, is_packed }))
    }

    /// Members with their positions from the end of all, where classes that are derived have
    /// them too.
    fn fields(&self, declaration: &Declaration<'s>) -> Vec<Result<String>> {
        let id = declaration.id;
        let of_bases: usize = self.bases(id).map(|base| self.n_members[base]).sum();
        let own: Vec<(&str, &str)> =
            declaration.parts.iter().filter_map(|part| part.split_once('=')).collect();
        let n = own.len();
        let field = |(at, (name, of)): (usize, &(&str, &str))| {
            Ok(format!("{} {} {},", screaming(name), of_bases + n - at, self.kind(id, of)?))
        };
        own.iter().enumerate().map(field).collect()
    }

    fn operation(&self, interface: &str, line: &str) -> Result<String> {
        let mut parts = line.trim().split(' ');
        let name = parts.next().context("no name")?;
        let returns = parts.nth(1).context("no result")?;
        let mut parameters = Vec::new();
        let mut results = Vec::new();
        let mut is_out = false;
        for part in parts {
            match part.split_once('=') {
                _ if part == "!" || part == "sliced" => break,
                _ if part == ">" => is_out = true,
                Some((name, of)) => {
                    parameters.push(format!("{}: {}", snake(name), self.kind(interface, of)?));
                }
                None if is_out => results.push(self.kind(interface, part)?),
                None => bail!("`{part}` of {name}"),
            }
        }
        if returns != "-" {
            results.push(self.kind(interface, returns)?);
        }
        let results = match &results[..] {
            [] => "()".to_owned(),
            [one] => one.clone(),
            several => format!("({})", several.join(", ")),
        };
        let parameters = parameters.join(", ");
        Ok(format!("{} {} \"{name}\"({parameters}) -> {results};", screaming(name), snake(name)))
    }
}

fn enumerator(part: &str) -> Result<String> {
    let (name, number) = part.split_once('=').context("no number")?;
    Ok(format!("{} {number} \"{name}\",", variant(name)))
}
