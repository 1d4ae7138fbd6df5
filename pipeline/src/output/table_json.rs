//! Tables in JSON, every value exactly: NaN is `null`, infinities are text.

use polystore::backend::{Column, ColumnValues, Table};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A column with exact values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExactColumn {
    name: String,
    values: ExactValues,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExactValues {
    Integer(Vec<i64>),
    #[serde(rename = "integer_or_none")]
    IntegerOrNone(Vec<Option<i64>>),
    Float(Vec<ExactFloat>),
    Bool(Vec<bool>),
    Text(Vec<String>),
}

/// A number that JSON may have no notation for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ExactFloat(pub(crate) f64);

impl Serialize for ExactFloat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_nan() => serializer.serialize_none(),
            f64::INFINITY => serializer.serialize_str("inf"),
            f64::NEG_INFINITY => serializer.serialize_str("-inf"),
            value => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for ExactFloat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
            None(()),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Number(value) => value,
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom)?,
            Written::None(()) => f64::NAN,
        }))
    }
}

pub(crate) fn encode(table: &Table) -> Vec<ExactColumn> {
    let column = |column: &Column| ExactColumn {
        name: column.name.clone(),
        values: match &column.values {
            ColumnValues::Integer(values) => ExactValues::Integer(values.clone()),
            ColumnValues::IntegerOrNone(values) => ExactValues::IntegerOrNone(values.clone()),
            ColumnValues::Float(values) => {
                ExactValues::Float(values.iter().copied().map(ExactFloat).collect())
            }
            ColumnValues::Bool(values) => ExactValues::Bool(values.clone()),
            ColumnValues::Text(values) => ExactValues::Text(values.clone()),
            _ => ExactValues::Text(Vec::new()),
        },
    };
    table.columns.iter().map(column).collect()
}

pub(crate) fn decode(columns: Vec<ExactColumn>) -> Table {
    let column = |column: ExactColumn| Column {
        name: column.name,
        values: match column.values {
            ExactValues::Integer(values) => ColumnValues::Integer(values),
            ExactValues::IntegerOrNone(values) => ColumnValues::IntegerOrNone(values),
            ExactValues::Float(values) => {
                ColumnValues::Float(values.into_iter().map(|value| value.0).collect())
            }
            ExactValues::Bool(values) => ColumnValues::Bool(values),
            ExactValues::Text(values) => ColumnValues::Text(values),
        },
    };
    Table { columns: columns.into_iter().map(column).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_comes_back(
            bits in prop::collection::vec(any::<u64>(), 1..20),
            whole in any::<i64>(),
            text in "\\PC{0,8}",
        ) {
            let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE];
            let floats: Vec<f64> =
                bits.iter().map(|&bits| f64::from_bits(bits)).chain(special).collect();
            let n = floats.len();
            let column = |name: &str, values| Column { name: name.to_owned(), values };
            let table = Table { columns: vec![
                column("f", ColumnValues::Float(floats.clone())),
                column("i", ColumnValues::Integer(vec![whole; n])),
                column("t", ColumnValues::Text(vec![text; n])),
                column("b", ColumnValues::Bool(vec![true; n])),
            ] };
            let json = serde_json::to_string(&encode(&table)).unwrap();
            let read = decode(serde_json::from_str(&json).unwrap());
            prop_assert_eq!(&read.columns[1..], &table.columns[1..]);
            let Some(ColumnValues::Float(back)) = read.column("f") else { panic!("floats stay floats") };
            for (one, other) in back.iter().zip(&floats) {
                prop_assert!(one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan()));
            }
        }
    }
}
