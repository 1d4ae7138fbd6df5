//! The generated types over real frames.

use ice::{
    codec::decode,
    omero::{
        ApiUsageException, Plane, RString, ServerError,
        api::{IAdmin, IQuery, RawPixelsStore},
        model::{Annotation, IObject, Length, Plate, Well, enums::UnitsLength},
    },
    typed::{AnyObject, Class, Inherits, Interface, Ref},
    value::{Exception, Graph},
    wire::{Encapsulation, Encoding, Limits, Message, ReplyBody},
};

use crate::frames;

fn result_of(name: &str) -> Encapsulation {
    let all = frames::frames("server.jsonl.bz2");
    let frame = all.iter().find(|frame| frame["name"] == name).unwrap();
    match frames::message(&frames::bytes(frame)).unwrap().1 {
        Message::Reply(reply) => match reply.body {
            ReplyBody::Ok(content) => content,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_real_answer_is_looked_at() {
    let answer = IAdmin::get_group(0)
        .answer(&result_of("admin_getGroup.reply"), &Limits::default())
        .unwrap();
    let group = answer.view(answer.get().unwrap().unwrap()).unwrap();
    let name = group.follow(ice::omero::model::ExperimenterGroup::NAME).unwrap().unwrap();
    let name = name.get(RString::VAL).unwrap();
    assert!(name.ends_with("-g"), "{name}");
    let id = group.follow(IObject::ID).unwrap().unwrap();
    assert!(id.get(ice::omero::RLong::VAL).unwrap() > 0);
    let owner = group.follow(IObject::DETAILS).unwrap();
    assert!(owner.is_some());
    assert!(group.cast::<Plate>().is_none());
    assert!(group.cast::<AnyObject>().is_some());
}

#[test]
fn graphs_with_circles_are_built_sent_and_looked_at() {
    let mut graph = Graph::new();
    let name = graph.make::<RString>().with(RString::VAL, "plate").done();
    let plate = graph.make::<Plate>().with(Plate::NAME, Some(name)).done();
    let origin = graph.make::<Length>();
    let origin = origin.with(Length::VALUE, 2.5).with(Length::UNIT, UnitsLength::Micrometer).done();
    let well = graph.make::<Well>().with(Well::PLATE, Some(plate)).done();
    graph
        .edit(plate)
        .unwrap()
        .with(Plate::WELLS_SEQ, vec![Some(well)])
        .with(Plate::WELLS_LOADED, true)
        .with(Plate::WELL_ORIGIN_X, Some(origin))
        .done();
    for encoding in [Encoding::V1_0, Encoding::V1_1] {
        let content = IQuery::GET.reply(Some(plate.as_base()), &graph, encoding).unwrap();
        let answer = IQuery::get("Plate", 1).answer(&content, &Limits::default()).unwrap();
        let object = answer.view(answer.get().unwrap().unwrap()).unwrap();
        let plate = object.cast::<Plate>().unwrap();
        let origin = plate.follow(Plate::WELL_ORIGIN_X).unwrap().unwrap();
        assert_eq!(origin.get(Length::UNIT), Ok(UnitsLength::Micrometer));
        let wells = plate.get(Plate::WELLS_SEQ).unwrap();
        assert_eq!(wells.len(), 1);
        let well = answer.view(wells.get(0).unwrap().unwrap().unwrap()).unwrap();
        let back = well.follow(Well::PLATE).unwrap().unwrap();
        assert_eq!(back.reference(), plate.reference());
    }
}

#[test]
fn arguments_come_to_a_servant() {
    let call =
        RawPixelsStore::set_tile(ice::typed::Bytes::from_static(b"abc"), 1, 2, 3, 4, 5, 6, 7);
    let content = call.encode(Encoding::V1_1).unwrap();
    let types: Vec<_> = call.declaration().unwrap().parameters.iter().map(|m| m.of).collect();
    let decoded = decode(call.schema(), &types, &content, &Limits::default()).unwrap();
    let (data, z, .., height) = RawPixelsStore::SET_TILE.arguments(&decoded).unwrap();
    assert_eq!((&data[..], z, height), (&b"abc"[..], 1, 7));
    assert!(IQuery::GET.arguments(&decoded).is_err());
}

#[test]
fn a_reference_to_another_class_is_refused() {
    let mut graph = Graph::new();
    let name = graph.make::<RString>().done();
    let wrong: Ref<IObject> = Ref::new(name.id());
    assert!(graph.view(wrong).is_err());
    assert!(graph.edit(wrong).is_err());
    assert!(IQuery::GET.reply(Some(wrong), &graph, Encoding::V1_1).is_err());
}

#[test]
fn exceptions_are_those_they_are_derived_from() {
    let exception = Exception::make::<ApiUsageException>(false)
        .with::<ServerError, _, _>(ServerError::MESSAGE, "no such plate");
    let seen = exception.view::<ServerError>().unwrap();
    assert_eq!(seen.get(ServerError::MESSAGE), Ok("no such plate"));
    assert!(exception.view::<ice::omero::SecurityViolation>().is_none());
}

/// Types are those that Slice declares, checked by the compiler.
#[test]
fn names_and_numbers_are_those_of_the_schema() {
    fn inherits<B, C: Class + Inherits<B>>(_: Option<(B, C)>) -> &'static str {
        C::TYPE_ID
    }
    assert_eq!(inherits::<IObject, Plate>(None), "::omero::model::Plate");
    assert_eq!(inherits::<IObject, Annotation>(None), "::omero::model::Annotation");
    assert_eq!(IQuery::TYPE_ID, "::omero::api::IQuery");
    let schema = ice::omero::schema();
    let number = schema.class("::omero::Plane").unwrap();
    assert!(Plane::is_base_of(number) && !Plate::is_base_of(number));
    assert_eq!((schema.classes.len(), schema.exceptions.len()), (302, 41));
    let n_operations: usize = schema.interfaces.iter().map(|of| of.operations.len()).sum();
    assert_eq!((schema.interfaces.len(), n_operations), (68, 668));
}

/// Constants are in Rust what the schema says, and the schema has all of them.
#[test]
fn constants_of_slice() {
    use ice::{
        omero::{self, constants},
        value::Value,
    };
    assert_eq!(omero::schema().constants.len(), 94);
    let of = |id: &str| omero::schema().constant(id).unwrap().clone();
    let text = |text: &str| Value::String(text.into());
    assert_eq!(of("::omero::constants::CLIENTUUID"), text(constants::CLIENTUUID));
    assert_eq!(constants::CLIENTUUID, "omero.client.uuid");
    assert_eq!(of("::omero::constants::DEFAULTROUTER"), text(constants::DEFAULTROUTER));
    assert!(constants::DEFAULTROUTER.starts_with("OMERO.Glacier2/router:ssl -p "));
    assert_eq!(of("::omero::constants::GLACIER2PORT"), Value::Int(constants::GLACIER2PORT));
    assert_eq!(constants::permissions::CHOWNRESTRICTION, 5);
    assert_eq!(constants::namespaces::NSMODULO, "openmicroscopy.org/omero/dimension/modulo");
}

/// What is printed for a log has no passwords in it.
#[test]
fn calls_are_printed_without_secrets() {
    use ice::{
        omero::glacier2::Router,
        typed::Incoming,
        wire::{Call, Identity, Mode, Request},
    };
    let login = Router::create_session("root", "topsecret");
    let call = Call {
        identity: Identity::named("router"),
        facet: String::new(),
        operation: "createSession".to_owned(),
        mode: Mode::Normal.byte(),
        context: Vec::new(),
        parameters: login.encode(Encoding::V1_1).unwrap(),
        limits: Limits::default(),
    };
    let incoming = Incoming::open::<Router>(ice::omero::schema(), call.clone()).unwrap();
    let other = incoming.arguments(IQuery::GET).map(drop).unwrap_err();
    let message = Message::Request(Request { id: 1, call: call.clone() });
    let frame = message.encode_frame(ice::wire::Compression::Never).unwrap();
    assert_eq!(format!("{frame:?}"), format!("{} bytes", frame.len()));
    for text in [
        format!("{login:?}"),
        format!("{call:?}"),
        format!("{message:?}"),
        format!("{incoming:?}"),
        other.to_string(),
    ] {
        assert!(!text.contains("secret") && !text.contains("root"), "{text}");
        assert!(text.contains("createSession"), "{text}");
    }
}
