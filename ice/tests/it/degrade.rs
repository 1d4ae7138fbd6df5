//! Types that the receiver does not have: what they are derived from is read where it can be.

use ice::{
    Error,
    codec::{Format, decode, decode_exception, encode, encode_exception},
    schema::{Schema, Type},
    value::{Exception, Graph, Object, ObjectId, Value},
    wire::{Encapsulation, Encoding, Limits},
};

const KNOWN: &str = "\
class ::Base - n=int next=::Base
sequence ::Bases ::Base
exception ::Root - why=string
exception ::Middle ::Root at=::Base
";
const NEWER: &str = "\
class ::New ::Base extra=string friend=::Base other=::Base
class ::Newer ::New more=::Base
class ::Alone - n=int
exception ::Deep ::Middle hidden=::Base text=string
";

fn newer() -> Schema {
    Schema::parse(&format!("{KNOWN}{NEWER}")).unwrap()
}

fn known() -> Schema {
    Schema::parse(KNOWN).unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn object(at: Option<u32>) -> Value {
    Value::Object(at.map(ObjectId))
}

/// 0 is of a class that is not known, and refers to 1 in a slice that is not known, and to 2;
/// 1 is of a known class and refers to 2.
fn graph(schema: &Schema, class: &str, more: usize) -> Graph {
    let base = schema.class("::Base").unwrap();
    let own =
        [vec![object(Some(1)); more], vec![text("x"), object(Some(1)), object(None)]].concat();
    let fields = [own, vec![Value::Int(7), object(Some(2))]].concat();
    Graph {
        objects: vec![
            Object { class: schema.class(class).unwrap(), fields },
            Object { class: base, fields: vec![Value::Int(8), object(Some(2))] },
            Object { class: base, fields: vec![Value::Int(9), object(Some(0))] },
        ],
    }
}

fn sent(encoding: Encoding, format: Format, class: &str, more: usize) -> Encapsulation {
    let schema = newer();
    let values = [Value::Sequence(vec![object(Some(0)), object(Some(2)), object(Some(1))])];
    let graph = graph(&schema, class, more);
    encode(&schema, &[Type::Sequence(0)], &values, &graph, encoding, format).unwrap()
}

#[test]
fn classes() {
    for (class, more) in [("::New", 0), ("::Newer", 1)] {
        for (encoding, format) in
            [(Encoding::V1_1, Format::Sliced), (Encoding::V1_0, Format::Compact)]
        {
            let content = sent(encoding, format, class, more);
            let read = decode(&known(), &[Type::Sequence(0)], &content, &Limits::default());
            let read = read.unwrap_or_else(|error| panic!("{class} {encoding:?}: {error}"));
            let [Value::Sequence(items)] = &read.values[..] else { panic!("{read:?}") };
            let numbers: Vec<&Value> = items
                .iter()
                .map(|item| match item {
                    Value::Object(Some(id)) => &read.graph.get(*id).unwrap().fields[0],
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(numbers, [&Value::Int(7), &Value::Int(9), &Value::Int(8)]);
            // The circle is whole.
            let Value::Object(Some(first)) = items[0] else { panic!() };
            let Value::Object(Some(second)) = items[1] else { panic!() };
            let next = |id| read.graph.get(id).unwrap().fields[1].clone();
            assert_eq!(next(first), Value::Object(Some(second)));
            assert_eq!(next(second), Value::Object(Some(first)));
        }
    }
}

#[test]
fn classes_that_cannot_be_passed_over() {
    let content = sent(Encoding::V1_1, Format::Compact, "::New", 0);
    let error = decode(&known(), &[Type::Sequence(0)], &content, &Limits::default()).unwrap_err();
    assert_eq!(error, Error::Unknown { what: "class", name: "::New".to_owned() });
    let schema = newer();
    let class = schema.class("::Alone").unwrap();
    let graph = Graph { objects: vec![Object { class, fields: vec![Value::Int(1)] }] };
    for (encoding, format) in [(Encoding::V1_1, Format::Sliced), (Encoding::V1_0, Format::Compact)]
    {
        let content =
            encode(&schema, &[Type::Object], &[object(Some(0))], &graph, encoding, format).unwrap();
        let error = decode(&known(), &[Type::Object], &content, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Unknown { what: "class", .. }), "{error}");
    }
}

#[test]
fn exceptions() {
    let schema = newer();
    let deep = schema.exception("::Deep").unwrap();
    let exception = |sliced| Exception {
        id: "::Deep".into(),
        known: deep,
        fields: vec![object(Some(1)), text("hidden"), object(Some(0)), text("why")],
        sliced,
    };
    let base = schema.class("::Base").unwrap();
    let of = |n, next| Object { class: base, fields: vec![Value::Int(n), object(next)] };
    let graph = Graph { objects: vec![of(1, Some(1)), of(2, Some(0))] };
    for (encoding, sliced) in [(Encoding::V1_1, true), (Encoding::V1_0, false)] {
        let content = encode_exception(&schema, &exception(sliced), &graph, encoding).unwrap();
        let (whole, _) = decode_exception(&schema, &content, &Limits::default()).unwrap();
        assert_eq!(whole.fields[3], text("why"));
        let (read, graph) = decode_exception(&known(), &content, &Limits::default()).unwrap();
        let middle = known().exception("::Middle").unwrap();
        assert_eq!((&*read.id, read.known), ("::Deep", middle));
        assert_eq!(read.fields[1], text("why"));
        let Value::Object(Some(at)) = read.fields[0] else { panic!("{read:?}") };
        assert_eq!(graph.get(at).unwrap().fields[0], Value::Int(1));
    }
    let content = encode_exception(&schema, &exception(false), &graph, Encoding::V1_1).unwrap();
    let error = decode_exception(&known(), &content, &Limits::default()).unwrap_err();
    assert_eq!(error, Error::Unknown { what: "exception", name: "::Deep".to_owned() });
}

/// A slice with a table of many instances, each of which is referred to twice: written by a
/// search through the table it would take minutes.
#[test]
fn tables_of_many_instances() {
    let text = "class ::Base - n=int\nsequence ::Bases ::Base\nclass ::Many - items=::Bases\n";
    let schema = Schema::parse(text).unwrap();
    let class = |id: &str| schema.class(id).unwrap();
    let n = 300_000;
    let items = (1..=n).chain((1..=n).rev()).map(|at| object(Some(at))).collect();
    let many = Object { class: class("::Many"), fields: vec![Value::Sequence(items)] };
    let base = |at: u32| Object { class: class("::Base"), fields: vec![Value::Int(at as i32)] };
    let graph = Graph { objects: std::iter::once(many).chain((1..=n).map(base)).collect() };
    let types = [Type::Object];
    let values = [object(Some(0))];
    let content = encode(&schema, &types, &values, &graph, Encoding::V1_1, Format::Sliced).unwrap();
    let read = decode(&schema, &types, &content, &Limits::default()).unwrap();
    let Value::Object(Some(many)) = read.values[0] else { panic!("{:?}", read.values) };
    let Value::Sequence(items) = &read.graph.get(many).unwrap().fields[0] else { panic!() };
    assert_eq!((items.len(), read.graph.objects.len()), (2 * n as usize, n as usize + 1));
    assert!(items.iter().eq(items.iter().rev()));
    let Value::Object(Some(seventh)) = items[6] else { panic!() };
    assert_eq!(read.graph.get(seventh).unwrap().fields, [Value::Int(7)]);
}
