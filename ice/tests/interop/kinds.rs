//! Every kind of value, there and back.

use ice::{
    Error,
    omero::{
        self, ChecksumValidationException, ConcurrencyException, OptimisticLockException, RBool,
        RDouble, RFloat, RInt, RList, RLong, RMap, RObject, RString, RTime, RType, ServerError,
        ValidationException,
        model::{Image, Length, Pixels, Plate, Well, enums::UnitsLength},
    },
    schema::Type,
    typed::{Class, Ref},
    value::{Graph, ObjectId, Value},
    wire::Proxy,
};

use crate::{
    random::Maker,
    server::{Calls, Official, To},
};

const SAVE: To = ("update", "::omero::api::IUpdate", "saveAndReturnObject");
const SAVE_ALL: To = ("update", "::omero::api::IUpdate", "saveAndReturnArray");
const DELETE: To = ("update", "::omero::api::IUpdate", "deleteObject");

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn object<C: Class>(at: Ref<C>) -> Value {
    Value::Object(Some(at.id()))
}

/// Texts of every length of a size, and letters of every length in UTF-8.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        [0, 1, 254, 255, 256, 70_000].iter().map(|n| "x".repeat(*n)).collect();
    texts.extend(["µ 試 \u{1F9EB} e\u{301} \u{10FFFF}", "a\0b", "\n\r\t\"\\"].map(str::to_owned));
    texts
}

/// Each class of the model with random members, and all of them together.
pub(crate) async fn classes(calls: &Calls, official: &Official) {
    let schema = omero::schema();
    let mut all = Vec::new();
    let maker = |seed| Maker::new(schema, seed).with_allowed(official.classes.clone());
    let mut together = maker(7);
    for class in &official.model {
        for seed in 0..2 {
            let mut maker = maker(u64::from(*class) * 64 + seed);
            let id = maker.instance(*class);
            let value = Value::Object(Some(id));
            calls.comes_back(SAVE, std::slice::from_ref(&value), &maker.graph).await;
        }
        all.push(Value::Object(Some(together.instance(*class))));
    }
    // The first comes twice, and there are some that are none.
    all.extend([all[0].clone(), Value::Object(None)]);
    calls.comes_back(SAVE_ALL, &[Value::Sequence(all)], &together.graph).await;
    calls.comes_back(SAVE, &[Value::Object(None)], &Graph::new()).await;
    calls.comes_back(SAVE_ALL, &[Value::Sequence(Vec::new())], &Graph::new()).await;
}

/// A plate with wells that have the plate, and a number that they share.
pub(crate) async fn graphs(calls: &Calls) {
    let mut graph = Graph::new();
    let name = graph.make::<RString>().with(RString::VAL, "µ").done();
    let zero = graph.make::<RInt>().done();
    let plate = graph.make::<Plate>().with(Plate::NAME, Some(name)).done();
    let mut wells = Vec::new();
    for _ in 0..100 {
        let well = graph.make::<Well>().with(Well::PLATE, Some(plate));
        let well = well.with(Well::ROW, Some(zero)).with(Well::COLUMN, Some(zero)).done();
        wells.push(Some(well));
    }
    wells.push(None);
    let plate = graph.edit(plate).unwrap().with(Plate::WELLS_SEQ, wells);
    let plate = plate.with(Plate::WELLS_LOADED, true).done();
    calls.comes_back(SAVE, &[object(plate)], &graph).await;
    let back = calls.call(SAVE, &[object(plate)], &graph).await.unwrap();
    // Not as many as there are references.
    assert_eq!(back.graph.objects.len(), graph.objects.len());
    let mut graph = Graph::new();
    let size = graph.make::<Length>().with(Length::VALUE, -0.0);
    let size = size.with(Length::UNIT, UnitsLength::Angstrom).done();
    let pixels = graph.make::<Pixels>().with(Pixels::PHYSICAL_SIZE_X, Some(size)).done();
    calls.comes_back(SAVE, &[object(pixels)], &graph).await;
}

/// Every kind of `RType`, at the ends of their ranges.
pub(crate) async fn rtypes(calls: &Calls) {
    let mut graph = Graph::new();
    let mut values: Vec<Option<Ref<RType>>> = vec![None];
    macro_rules! each {
        ($class:ident: $($value:expr),*) => {
            $(values.push(Some(graph.make::<$class>().with($class::VAL, $value).done().as_base()));)*
        };
    }
    each!(RBool: true, false);
    each!(RInt: i32::MIN, -1, 0, i32::MAX);
    each!(RLong: i64::MIN, -1, 0, i64::MAX);
    each!(RTime: i64::MIN, i64::MAX);
    each!(RFloat: f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, f32::NAN,
        f32::INFINITY, f32::NEG_INFINITY);
    each!(RDouble: f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), -0.0, f64::NAN,
        f64::INFINITY, f64::NEG_INFINITY);
    for text in texts() {
        values.push(Some(graph.make::<RString>().with(RString::VAL, &text).done().as_base()));
    }
    let class = graph.make::<omero::RClass>().with(RString::VAL, "Plate").done();
    let plate = graph.make::<Plate>().done();
    let of_plate = graph.make::<RObject>().with(RObject::VAL, Some(plate.as_base())).done();
    values.extend([Some(class.as_base()), Some(of_plate.as_base())]);
    let shared = values.clone();
    let list = graph.make::<RList>().with(omero::RCollection::VAL, shared.clone()).done();
    let array = graph.make::<omero::RArray>().with(omero::RCollection::VAL, shared).done();
    let set = graph.make::<omero::RSet>().with(omero::RCollection::VAL, vec![values[1]]).done();
    let nested = vec![("list", Some(list.as_base())), ("µ", None)];
    let map = graph.make::<RMap>().with(RMap::VAL, nested).done();
    values.extend([
        Some(list.as_base()),
        Some(array.as_base()),
        Some(set.as_base()),
        Some(map.as_base()),
    ]);
    let names: Vec<String> = (0..values.len()).map(|at| format!("{at:04}")).collect();
    let pairs = names.iter().map(String::as_str).zip(values.iter().copied()).collect();
    let parameters = graph.make::<omero::sys::Parameters>();
    let parameters = parameters.with(omero::sys::Parameters::MAP, pairs).done();
    let to = ("query", "::omero::api::IQuery", "projection");
    let back = calls.call(to, &[text("all"), object(parameters)], &graph).await.unwrap();
    let row =
        Value::Sequence(values.iter().map(|at| Value::Object(at.map(|at| at.id()))).collect());
    let table = Value::Sequence(vec![row, Value::Sequence(Vec::new())]);
    let of = calls.operation(to).returns.unwrap();
    assert_eq!(calls.neutral(of, &back.values[0], &back.graph), calls.neutral(of, &table, &graph));
}

/// Numbers, texts, sequences of each, structures, dictionaries, proxies and results beside the
/// one that is returned.
pub(crate) async fn values(calls: &Calls) {
    let none = Graph::new();
    for (id, is_set) in [(i64::MIN, true), (i64::MAX, false), (0, true)] {
        let give = ("planes", "::omero::api::RawPixelsStore", "setPixelsId");
        calls.is_kept(give, "getPixelsId", &[Value::Long(id), Value::Bool(is_set)], &none).await;
        let back = calls.call((give.0, give.1, "isSigned"), &[], &none).await.unwrap();
        assert_eq!(back.values, [Value::Bool(is_set)]);
        let back = calls.call((give.0, give.1, "getByteWidth"), &[], &none).await.unwrap();
        assert_eq!(back.values, [Value::Int(i32::MIN)]);
    }
    for plane in [vec![], vec![0; 254], (0..2 << 20).map(|at: u32| (at % 251) as u8).collect()] {
        let give = ("planes", "::omero::api::RawPixelsStore", "setPlane");
        let place = [1, 2, i32::MAX].map(Value::Int);
        let arguments = [&[Value::Bytes(plane.clone().into())][..], &place].concat();
        calls.call(give, &arguments, &none).await.unwrap();
        let back = calls.call((give.0, give.1, "getPlane"), &place, &none).await.unwrap();
        assert!(back.values == [Value::Bytes(plane.into())]);
    }
    for number in [f32::MIN, f32::MAX, f32::from_bits(1), -0.0, f32::INFINITY] {
        let give = ("rendering", "::omero::api::RenderingEngine", "setCompressionLevel");
        calls.is_kept(give, "getCompressionLevel", &[Value::Float(number)], &none).await;
    }
    for given in texts() {
        let to = ("config", "::omero::api::IConfig", "getConfigValue");
        calls.comes_back(to, &[text(&given)], &none).await;
    }
    let all = Value::Sequence(texts().iter().map(|given| text(given)).collect());
    for given in [all, Value::Sequence(Vec::new())] {
        let give = ("strings", "::Glacier2::StringSet", "add");
        calls.is_kept(give, "get", &[given], &none).await;
    }
    let identity = |name: &str| Value::Struct(vec![text(name), text("試/\\")]);
    let identities = Value::Sequence(vec![identity("a"), identity("")]);
    let give = ("identities", "::Glacier2::IdentitySet", "add");
    calls.is_kept(give, "get", &[identities], &none).await;
    let ids = [i64::MIN + 1, -1, 0, 1, i64::MAX];
    let to = ("container", "::omero::api::IContainer", "getCollectionCount");
    let asked = [text("Plate"), text("wells"), Value::Longs(ids.to_vec()), Value::Object(None)];
    let back = calls.call(to, &asked, &none).await.unwrap();
    let pairs = ids.map(|id| (Value::Long(id), Value::Long(-id)));
    assert_eq!(back.values, [Value::Dictionary(pairs.to_vec())]);
    let to = ("verifier", "::Glacier2::SSLPermissionsVerifier", "authorize");
    let certificates = Value::Sequence(vec![text("one"), text("µ")]);
    let info = vec![text("r"), Value::Int(-1), text("l"), Value::Int(7), text("c"), certificates];
    let back = calls.call(to, &[Value::Struct(info)], &none).await.unwrap();
    assert_eq!(back.values, [text("r|-1|l|7|c|one|µ"), Value::Bool(true)]);
    let files = "::omero::grid::monitors::FileServer";
    let back =
        calls.call(("files", files, "getBulkDirectory"), &[text("a"), text("µ")], &none).await;
    let stats = |name| {
        let numbers = [-f32::MAX, f32::from_bits(1), f32::INFINITY].map(Value::Float);
        let mut members = vec![text(name), text("試"), Value::Long(i64::MIN)];
        members.extend(numbers);
        // `Dir`.
        members.push(Value::Enum(1));
        Value::Struct(members)
    };
    assert_eq!(back.unwrap().values, [Value::Sequence(vec![stats("a"), stats("µ")])]);
}

/// Enumerators, alone and in sequences, and proxies of every sort.
pub(crate) async fn enumerators_and_proxies(calls: &Calls) {
    let none = Graph::new();
    let monitors = "::omero::grid::monitors::MonitorServer";
    let of = omero::schema().operation(monitors, "createMonitor").unwrap();
    let enumerators = |at: usize| match of.parameters[at].of {
        Type::Enum(number) => omero::schema().enums[number as usize].enumerators.clone(),
        Type::Sequence(number) => match omero::schema().sequences[number as usize].element {
            Type::Enum(number) => omero::schema().enums[number as usize].enumerators.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let (kinds, events, modes) = (enumerators(0), enumerators(1), enumerators(2));
    let last = |all: &[(Box<str>, i32)]| Value::Enum(all[all.len() - 1].1);
    let proxy: Proxy = "c/n -f facet -t -e 1.1:tcp -h h -p 1".parse().unwrap();
    let back = calls
        .call(
            ("monitors", monitors, "createMonitor"),
            &[
                last(&kinds),
                Value::Sequence(events.iter().map(|(_, number)| Value::Enum(*number)).collect()),
                last(&modes),
                text("path"),
                Value::Sequence(vec![text("white")]),
                Value::Sequence(Vec::new()),
                Value::Float(0.5),
                Value::Int(-7),
                Value::Bool(true),
                Value::Bool(false),
                Value::Bool(true),
                Value::Proxy(Some(Box::new(proxy))),
            ],
            &none,
        )
        .await
        .unwrap();
    let [Value::String(seen)] = &back.values[..] else { panic!("{back:?}") };
    let parts: Vec<&str> = seen.split('|').collect();
    assert_eq!(parts[0], &*kinds[kinds.len() - 1].0, "{seen}");
    assert!(events.iter().all(|(name, _)| parts[1].contains(&**name)), "{seen}");
    assert_eq!(parts[2], &*modes[modes.len() - 1].0);
    assert_eq!(parts[3..11], ["path", "['white']", "[]", "0.5", "-7", "True", "False", "True"]);
    assert!(parts[11].starts_with("c/n -f facet -t"), "{seen}");
    let get = ("monitors", monitors, "getMonitorState");
    let Some(Type::Enum(number)) = calls.operation(get).returns else { panic!() };
    for (name, value) in &omero::schema().enums[number as usize].enumerators {
        let back = calls.call(get, &[text(name)], &none).await.unwrap();
        assert_eq!(back.values, [Value::Enum(*value)], "{name}");
    }
    let proxies = [
        "x -t -e 1.1:tcp -h h -p 1 -t 60000",
        "c/n -f facet -o -e 1.1:ssl -h \"::1\" -p 65535 -t 100 -z",
        "x -O -s -e 1.1:ws -h h -p 80 -t 5 -r /omero-ws:wss -h h -p 443 -t 5 -r /a",
        "c/n -t -e 1.1 @ BlitzAdapter",
        "unicode -t -e 1.1",
        "x -d -e 1.1:udp -h 239.255.1.1 -p 1",
        "x -t -e 1.1:opaque -t 99 -e 1.0 -v AQIDBA==",
    ];
    let mut given = vec![Value::Proxy(None)];
    for words in proxies {
        let mut proxy: Proxy = words.parse().unwrap();
        if proxy.identity.name == "unicode" {
            proxy.identity.name = "試/\\".to_owned();
        }
        given.push(Value::Proxy(Some(Box::new(proxy))));
    }
    calls
        .comes_back(("routes", "::Ice::Router", "addProxies"), &[Value::Sequence(given)], &none)
        .await;
}

/// Columns of tables, which have sequences of every kind of number.
pub(crate) async fn columns(calls: &Calls) {
    let schema = omero::schema();
    let names = [
        "Long",
        "Double",
        "Bool",
        "String",
        "DoubleArray",
        "LongArray",
        "FloatArray",
        "Mask",
        "Well",
        "Image",
        "Plate",
        "Roi",
        "File",
        "Dataset",
    ];
    let mut maker = Maker::new(schema, 4711);
    let mut columns = vec![];
    for name in names {
        let class = schema.class(&format!("::omero::grid::{name}Column")).unwrap();
        for _ in 0..4 {
            columns.push(Value::Object(Some(maker.instance(class))));
        }
    }
    columns.push(columns[0].clone());
    let give = ("table", "::omero::grid::Table", "initialize");
    calls.is_kept(give, "getHeaders", &[Value::Sequence(columns)], &maker.graph).await;
}

/// Exceptions with members, of types that the operation does not name, and failures that are
/// none of its own.
pub(crate) async fn exceptions(calls: &Calls) {
    let raised = async |value: Value, graph: &Graph| calls.call(DELETE, &[value], graph).await;
    let mut graph = Graph::new();
    let (plate, well) = (graph.make::<Plate>().done(), graph.make::<Well>().done());
    let image = graph.make::<Image>().done();
    let Err(Error::Exception(found)) = raised(object(image), &graph).await else { panic!() };
    assert!(found.0.view::<ValidationException>().is_some());
    assert_eq!(found.0.view::<ServerError>().unwrap().get(ServerError::MESSAGE), Ok("not deleted"));
    let Err(Error::Exception(found)) = raised(object(plate), &graph).await else { panic!() };
    assert!(found.0.view::<OptimisticLockException>().is_some(), "{found:?}");
    let seen = found.0.view::<ConcurrencyException>().unwrap();
    assert_eq!(seen.get(ConcurrencyException::BACK_OFF), Ok(1 << 62));
    let nothing = raised(Value::Object(None), &Graph::new()).await;
    let Err(Error::Exception(found)) = nothing else { panic!() };
    let seen = found.0.view::<ChecksumValidationException>().unwrap();
    let failing = seen.get(ChecksumValidationException::FAILING_CHECKSUMS).unwrap();
    let failing: Vec<_> = failing.iter().map(Result::unwrap).collect();
    assert_eq!(failing, [(-1, "a"), (7, "µ")]);
    let error = raised(object(well), &graph).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(text) if text.contains("ValueError")), "{error}");
    // The connection goes on after each.
    let missing = ("nobody", "::omero::api::IUpdate", "deleteObject");
    let error = calls.call(missing, &[Value::Object(None)], &Graph::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotExist { what: "object", .. }), "{error}");
    let other: Value = Value::Object(Some(ObjectId(4711)));
    assert!(matches!(raised(other, &graph).await, Err(Error::Value { .. })));
}
