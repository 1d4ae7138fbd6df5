//! Reads a schema from its text.

use std::collections::HashMap;

use super::{
    Class, Dictionary, Enum, Interface, Member, Operation, Schema, Sequence, Struct, Type,
};
use crate::{Error, Result, value::Value, wire::Mode};

/// Deepest nesting of structures, sequences and dictionaries in one another.
const MAX_NESTING: usize = 16;

impl Schema {
    /// Reads a schema. One declaration a line, parts between blanks; lines that begin with `#`
    /// and empty ones are passed over:
    ///
    /// ```text
    /// enum ID NAME=NUMBER...
    /// struct ID MEMBER=TYPE...
    /// sequence ID TYPE
    /// dictionary ID KEY VALUE
    /// class ID BASE MEMBER=TYPE...           BASE is `-` for none
    /// exception ID BASE MEMBER=TYPE...
    /// constant ID int NUMBER
    /// constant ID string TEXT                TEXT is the rest of the line
    /// interface ID BASE...
    ///  NAME MODE RESULT NAME=TYPE... [> TYPE...] [! EXCEPTION...] [sliced]
    /// ```
    ///
    /// A line that begins with a blank is an operation of the interface above; MODE is 0, 1 or
    /// 2, RESULT is `-` for none, types behind `>` are those of parameters that come back.
    /// A type is a primitive, a scoped name, a scoped name with `*` for a proxy, or
    /// `::Ice::Object`.
    ///
    /// # Errors
    /// `Text` with the line that is wrong; a type that contains itself without a class between
    /// is wrong too.
    pub fn parse(text: &str) -> Result<Self> {
        let lines: Vec<(usize, &str)> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .collect();
        let mut names = Names::default();
        for &(number, line) in &lines {
            names.declare(number, line)?;
        }
        let mut schema = Self {
            class_numbers: names.classes.clone(),
            exception_numbers: names.exceptions.clone(),
            interface_numbers: names.interfaces.clone(),
            ..Self::default()
        };
        for &(number, line) in &lines {
            schema.add(line, &names).map_err(|problem| wrong(number, line, problem))?;
        }
        schema.check_bases()?;
        for number in 0..schema.sequences.len() {
            let element = schema.sequences[number].element;
            let smallest = schema.smallest_value(element, 0)?;
            schema.smallest.push(smallest);
        }
        for number in 0..schema.dictionaries.len() as u32 {
            schema.smallest_value(Type::Dictionary(number), 0)?;
        }
        schema.number_operations();
        Ok(schema)
    }

    fn add(&mut self, line: &str, names: &Names) -> std::result::Result<(), String> {
        let mut parts = line.split_whitespace();
        let mut next = |what: &str| parts.next().ok_or_else(|| format!("{what} is missing"));
        if line.starts_with(' ') {
            let operation = operation(line, names)?;
            let interface = self.interfaces.last_mut().ok_or("no interface is above")?;
            interface.operations.push(operation);
            return Ok(());
        }
        let (kind, id) = (next("what it is")?, Box::from(next("the name")?));
        match kind {
            "enum" => {
                let enumerators = parts.map(enumerator).collect::<Result<Vec<_>, _>>()?;
                let largest = enumerators.iter().map(|(_, number)| *number).max().unwrap_or(0);
                self.enums.push(Enum { id, enumerators, largest });
            }
            "struct" => {
                self.structs.push(Struct { id, members: members(parts, names)? });
            }
            "sequence" => {
                let element = names.of(next("the type")?)?;
                self.sequences.push(Sequence { id, element });
            }
            "dictionary" => {
                let (key, value) = (names.of(next("the key")?)?, names.of(next("the value")?)?);
                self.dictionaries.push(Dictionary { id, key, value });
            }
            "class" | "exception" => {
                let is_class = kind == "class";
                let known = if is_class { &names.classes } else { &names.exceptions };
                let base = match next("the base")? {
                    "-" => None,
                    base => Some(find(known, base)?),
                };
                let class = Class { id, base, members: members(parts, names)? };
                if is_class { &mut self.classes } else { &mut self.exceptions }.push(class);
            }
            "constant" => {
                let of = next("the type")?;
                let text = line.splitn(4, ' ').nth(3).ok_or("the value is missing")?;
                let value = match of {
                    "int" => Value::Int(text.parse().map_err(|_| format!("{text} is no int"))?),
                    "string" => Value::String(text.into()),
                    _ => return Err(format!("constants are not of `{of}`")),
                };
                self.constants.push((id, value));
            }
            "interface" => {
                let bases = parts.map(|base| find(&names.interfaces, base));
                let bases = bases.collect::<Result<Vec<_>, _>>()?;
                self.interfaces.push(Interface { id, bases, operations: Vec::new() });
            }
            _ => return Err(format!("there is no `{kind}`")),
        }
        Ok(())
    }

    /// Checks that nothing is derived from itself.
    fn check_bases(&self) -> Result<()> {
        for classes in [&self.classes, &self.exceptions] {
            for class in classes {
                let base = |class: &&Class| Some(&classes[class.base? as usize]);
                let n = std::iter::successors(Some(class), base).take(MAX_NESTING + 1).count();
                if n > MAX_NESTING {
                    return Err(Error::Text {
                        what: "schema",
                        text: class.id.to_string(),
                        problem: format!("it is derived from itself, or over {MAX_NESTING} times"),
                    });
                }
            }
        }
        Ok(())
    }

    /// Fewest bytes of a value.
    fn smallest_value(&self, of: Type, depth: usize) -> Result<usize> {
        if depth > MAX_NESTING {
            return Err(Error::Text {
                what: "schema",
                text: self.name(of).to_owned(),
                problem: format!("it contains itself, or nests over {MAX_NESTING} deep"),
            });
        }
        Ok(match of {
            Type::Bool | Type::Byte | Type::String | Type::Enum(_) => 1,
            Type::Sequence(number) => {
                self.smallest_value(self.sequences[number as usize].element, depth + 1)?;
                1
            }
            Type::Dictionary(number) => {
                let dictionary = &self.dictionaries[number as usize];
                self.smallest_value(dictionary.key, depth + 1)?;
                self.smallest_value(dictionary.value, depth + 1)?;
                1
            }
            Type::Class(_) | Type::Object => 1,
            Type::Short | Type::Proxy => 2,
            Type::Int | Type::Float => 4,
            Type::Long | Type::Double => 8,
            Type::Struct(number) => {
                let mut sum = 0;
                for member in &self.structs[number as usize].members {
                    sum += self.smallest_value(member.of, depth + 1)?;
                }
                sum
            }
        })
    }
}

/// What is declared, by name.
#[derive(Default)]
struct Names {
    types: HashMap<Box<str>, Type>,
    classes: HashMap<Box<str>, u32>,
    exceptions: HashMap<Box<str>, u32>,
    interfaces: HashMap<Box<str>, u32>,
    n_enums: u32,
    n_structs: u32,
    n_sequences: u32,
    n_dictionaries: u32,
}

impl Names {
    fn declare(&mut self, number: usize, line: &str) -> Result<()> {
        if line.starts_with(' ') || line.starts_with("constant ") {
            return Ok(());
        }
        let mut parts = line.split_whitespace();
        let (Some(kind), Some(id)) = (parts.next(), parts.next()) else {
            return Err(wrong(number, line, "the name is missing".to_owned()));
        };
        let count = |n: &mut u32| {
            *n += 1;
            *n - 1
        };
        let of = match kind {
            "enum" => Some(Type::Enum(count(&mut self.n_enums))),
            "struct" => Some(Type::Struct(count(&mut self.n_structs))),
            "sequence" => Some(Type::Sequence(count(&mut self.n_sequences))),
            "dictionary" => Some(Type::Dictionary(count(&mut self.n_dictionaries))),
            "class" => Some(Type::Class(self.classes.len() as u32)),
            _ => None,
        };
        let is_new = match (kind, of) {
            (_, Some(of)) => {
                if kind == "class" {
                    self.classes.insert(id.into(), self.classes.len() as u32);
                }
                self.types.insert(id.into(), of).is_none()
            }
            ("exception", _) => {
                self.exceptions.insert(id.into(), self.exceptions.len() as u32).is_none()
            }
            ("interface", _) => {
                self.interfaces.insert(id.into(), self.interfaces.len() as u32).is_none()
            }
            _ => return Err(wrong(number, line, format!("there is no `{kind}`"))),
        };
        if is_new { Ok(()) } else { Err(wrong(number, line, "it is there twice".to_owned())) }
    }

    fn of(&self, text: &str) -> std::result::Result<Type, String> {
        Ok(match text {
            "bool" => Type::Bool,
            "byte" => Type::Byte,
            "short" => Type::Short,
            "int" => Type::Int,
            "long" => Type::Long,
            "float" => Type::Float,
            "double" => Type::Double,
            "string" => Type::String,
            "::Ice::Object" => Type::Object,
            _ if text.ends_with('*') => Type::Proxy,
            _ => *self.types.get(text).ok_or_else(|| format!("type `{text}` is not declared"))?,
        })
    }
}

fn find(known: &HashMap<Box<str>, u32>, id: &str) -> std::result::Result<u32, String> {
    known.get(id).copied().ok_or_else(|| format!("`{id}` is not declared"))
}

fn member(text: &str, names: &Names) -> std::result::Result<Member, String> {
    let (name, of) = text.split_once('=').ok_or_else(|| format!("`{text}` has no type"))?;
    Ok(Member { name: name.into(), of: names.of(of)? })
}

fn members<'t>(
    parts: impl Iterator<Item = &'t str>,
    names: &Names,
) -> std::result::Result<Vec<Member>, String> {
    parts.map(|part| member(part, names)).collect()
}

fn enumerator(text: &str) -> std::result::Result<(Box<str>, i32), String> {
    let (name, number) = text.split_once('=').ok_or_else(|| format!("`{text}` has no number"))?;
    let number = number.parse().ok().filter(|number| *number >= 0);
    Ok((name.into(), number.ok_or_else(|| format!("the number of `{text}` is none"))?))
}

fn operation(line: &str, names: &Names) -> std::result::Result<Operation, String> {
    let mut parts = line.split_whitespace().peekable();
    let mut next = |what: &str| parts.next().ok_or_else(|| format!("{what} is missing"));
    let name = next("the name")?.into();
    let mode = next("the mode")?.parse().ok().and_then(Mode::from_byte);
    let mode = mode.ok_or("the mode is none of 0, 1 and 2")?;
    let returns = match next("the result")? {
        "-" => None,
        of => Some(names.of(of)?),
    };
    let mut operation = Operation {
        name,
        mode,
        parameters: Vec::new(),
        out: Vec::new(),
        returns,
        throws: Vec::new(),
        sliced: false,
    };
    let mut section = ' ';
    for part in parts {
        match (part, section) {
            (">", _) => section = '>',
            ("!", _) => section = '!',
            ("sliced", _) => operation.sliced = true,
            (_, ' ') => operation.parameters.push(member(part, names)?),
            (_, '>') => operation.out.push(names.of(part)?),
            _ => operation.throws.push(find(&names.exceptions, part)?),
        }
    }
    Ok(operation)
}

fn wrong(number: usize, line: &str, problem: String) -> Error {
    let text: String = line.trim().chars().take(80).collect();
    Error::Text { what: "schema", text, problem: format!("line {number}: {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment
enum ::E A=0 B=1
struct ::S e=::E p=::I*
sequence ::Q ::S
dictionary ::D string ::Q
class ::B - n=int
class ::C ::B all=::D other=::C
exception ::X - message=string
interface ::I
 get 2 ::C id=long > string ! ::X sliced
interface ::J ::I
 put 0 - c=::C";

    #[test]
    fn a_schema_is_what_its_text_says() {
        let schema = Schema::parse(TEXT).unwrap();
        let class = schema.class("::C").unwrap();
        let names: Vec<&str> = schema.members(class).map(|member| &*member.name).collect();
        assert_eq!(names, ["all", "other", "n"]);
        let get = schema.operation("::J", "get").unwrap();
        assert_eq!((get.mode, get.returns), (Mode::Idempotent, Some(Type::Class(1))));
        assert_eq!(
            (&get.out[..], &get.throws[..], get.sliced),
            (&[Type::String][..], &[0][..], true)
        );
        assert!(schema.is_derived(1, 0) && !schema.is_derived(0, 1));
        assert_eq!(schema.smallest_element(0), 3);
        assert!(schema.has_classes(Type::Class(0)) && !schema.has_classes(Type::Sequence(0)));
    }

    #[test]
    fn wrong_lines_are_told() {
        for (text, part) in [
            ("enum", "line 1: the name is missing"),
            ("emun ::E", "there is no `emun`"),
            ("struct ::S a=::Nothing", "`::Nothing` is not declared"),
            ("struct ::S a", "`a` has no type"),
            ("sequence ::Q", "the type is missing"),
            ("sequence ::Q int\nsequence ::Q int", "line 2: it is there twice"),
            ("class ::C ::C", "derived from itself"),
            ("sequence ::Q ::Q", "contains itself"),
            (" get 0 -", "no interface is above"),
            ("interface ::I\n get 3 -", "none of 0, 1 and 2"),
        ] {
            let error = Schema::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
