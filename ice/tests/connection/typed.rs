//! Typed calls and their results and exceptions.

use std::sync::Arc;

use ice::{
    Error,
    codec::{decode, encode_exception},
    connection::{Acceptor, Adapter, Options, Reply, Servant, connect},
    omero::{
        self, RString, ServerError, ValidationException,
        api::IQuery,
        model::{IObject, Plate},
    },
    value::{Exception, Graph},
    wire::{Call, Encoding, Identity, Limits, Proxy, ReplyBody},
};

use crate::raw::listen;

/// Has plate 1.
struct Query;

fn get(call: &Call) -> ice::Result<ReplyBody> {
    let encoding = call.parameters.encoding()?;
    let operation = IQuery::GET.declaration()?;
    let types: Vec<_> = operation.parameters.iter().map(|member| member.of).collect();
    let decoded = decode(omero::schema(), &types, &call.parameters, &Limits::default())?;
    let (class, id) = IQuery::GET.arguments(&decoded)?;
    let mut graph = Graph::new();
    if (class, id) != ("Plate", 1) {
        let exception = Exception::make::<ValidationException>(false)
            .with::<ServerError, _, _>(ServerError::MESSAGE, "the plate is not there");
        let content = encode_exception(omero::schema(), &exception, &graph, encoding)?;
        return Ok(ReplyBody::UserException(content));
    }
    let name = graph.make::<RString>().with(RString::VAL, "first").done();
    let plate = graph.make::<Plate>().with(Plate::NAME, Some(name)).done();
    Ok(ReplyBody::Ok(IQuery::GET.reply(Some(plate.as_base()), &graph, encoding)?))
}

impl Servant for Query {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let body =
            get(&call).unwrap_or_else(|error| ReplyBody::UnknownException(error.to_string()));
        Box::pin(std::future::ready(body))
    }
}

#[tokio::test]
async fn results_and_exceptions() {
    let (listener, address) = listen().await;
    let adapter = Adapter::new(omero::schema());
    let identity = Identity::new("omero.api.IQuery", "session");
    adapter.add(identity.clone(), "::omero::api::IQuery", Arc::new(Query)).unwrap();
    let options = Options::default().with_servants(Arc::new(adapter));
    let acceptor = Acceptor { options, ..Acceptor::default() };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.unwrap().1.run().await.unwrap();
    });
    let (client, connection) = connect(&address, Options::default()).await.unwrap();
    tokio::spawn(connection.run());
    for encoding in [Encoding::V1_0, Encoding::V1_1] {
        let proxy = Proxy { encoding: encoding.into(), ..Proxy::new(identity.clone()) };
        let answer = client.invoke(&proxy, IQuery::get("Plate", 1), vec![]).await.unwrap();
        let object = answer.view(answer.get().unwrap().unwrap()).unwrap();
        assert_eq!(object.get(IObject::ID), Ok(None));
        let plate = object.cast::<Plate>().unwrap();
        let name = plate.follow(Plate::NAME).unwrap().unwrap();
        assert_eq!(name.get(RString::VAL), Ok("first"));
        let error = client.invoke(&proxy, IQuery::get("Plate", 2), vec![]).await.unwrap_err();
        let text = "omero::ValidationException: the plate is not there";
        assert_eq!(error.to_string(), text);
        let Error::Exception(found) = error else { panic!("{error}") };
        let seen = found.0.view::<ServerError>().unwrap();
        assert_eq!(seen.get(ServerError::MESSAGE), Ok("the plate is not there"));
        assert!(found.0.view::<ValidationException>().is_some());
    }
}
