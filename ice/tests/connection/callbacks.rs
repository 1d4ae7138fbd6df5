//! Calls of the server to the client, on the client's connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ice::{
    connection::{Acceptor, Adapter, Options, Reply, Servant, connect},
    omero::{self, api::ClientCallback},
    wire::{Call, Encapsulation, Encoding, Identity, Mode, Proxy, ReplyBody},
};

use crate::{
    raw::listen,
    server::{call, object},
};

#[derive(Default)]
struct Callback(AtomicUsize);

impl Servant for Callback {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let n = usize::from(call.operation == ClientCallback::REQUEST_HEARTBEAT.name());
        self.0.fetch_add(n, Ordering::SeqCst);
        Box::pin(std::future::ready(ReplyBody::Ok(Encapsulation::empty(Encoding::V1_1))))
    }
}

/// Calls back to the client before it answers.
struct CallsBack(tokio::sync::watch::Receiver<Option<ice::connection::Client>>);

impl Servant for CallsBack {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(async move {
            let mut receiver = self.0.clone();
            let client = receiver.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            let proxy = Proxy::new(Identity::new("callback", "client"));
            client.invoke(&proxy, ClientCallback::request_heartbeat(), vec![]).await.unwrap();
            ReplyBody::Ok(call.parameters)
        })
    }
}

#[tokio::test]
async fn a_server_calls_its_client() {
    let (listener, address) = listen().await;
    let (tell, told) = tokio::sync::watch::channel(None);
    let options = Options::default().with_servants(Arc::new(CallsBack(told)));
    let acceptor = Acceptor { options, ..Acceptor::default() };
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (client, connection) = acceptor.accept(stream).await.unwrap();
        tell.send(Some(client)).unwrap();
        connection.run().await.unwrap();
    });
    let callback = Arc::new(Callback::default());
    let adapter = Adapter::new(omero::schema());
    adapter.add_category("client", "::omero::api::ClientCallback", callback.clone()).unwrap();
    let options = Options::default().with_servants(Arc::new(adapter));
    let (client, connection) = connect(&address, options).await.unwrap();
    tokio::spawn(connection.run());
    for _ in 0..3 {
        client.call(call("anything", Mode::Normal, vec![])).await.unwrap();
    }
    assert_eq!(callback.0.load(Ordering::SeqCst), 3);
    client.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn every_object_has_the_built_in_operations() {
    let server = crate::server::Server::plain().await;
    let client = server.client(Options::default()).await;
    let proxy = Proxy::new(object());
    use omero::ice::Object;
    let id = client.invoke(&proxy, Object::ice_id(), vec![]).await.unwrap();
    assert_eq!(id.get(), Ok("::omero::api::IQuery"));
    let ids = client.invoke(&proxy, Object::ice_ids(), vec![]).await.unwrap();
    let ids: Vec<&str> = ids.get().unwrap().iter().map(Result::unwrap).collect();
    assert_eq!(ids, ["::Ice::Object", "::omero::api::IQuery", "::omero::api::ServiceInterface"]);
    for (asked, expected) in [
        ("::omero::api::ServiceInterface", true),
        ("::Ice::Object", true),
        ("::omero::api::IUpdate", false),
    ] {
        let answer = client.invoke(&proxy, Object::ice_is_a(asked), vec![]).await.unwrap();
        assert_eq!(answer.get(), Ok(expected), "{asked}");
    }
    let facet = Proxy { facet: "other".to_owned(), ..proxy };
    let error = client.invoke(&facet, Object::ice_ping(), vec![]).await.unwrap_err();
    assert!(error.to_string().contains("no such facet"), "{error}");
}

/// A name of an interface that is mistyped is told at once, not by calls that are not known.
#[tokio::test]
async fn interfaces_that_are_mistyped() {
    let adapter = Adapter::new(omero::schema());
    for (name, meant) in [
        ("::omero::api::IQury", Some("`::omero::api::IQuery`")),
        ("omero.api.IQuery", Some("`::omero::api::IQuery`")),
        ("IUpdate", Some("`::omero::api::IUpdate`")),
        ("::omero::api::rawpixelstore", Some("`::omero::api::RawPixelsStore`")),
        ("::something::Else", None),
    ] {
        let servant = Arc::new(Callback::default());
        let error = adapter.add(object(), name, servant.clone()).unwrap_err().to_string();
        let expected = meant
            .map_or("none that is similar".to_owned(), |meant| format!("did you mean {meant}?"));
        assert!(error.contains(name) && error.contains(&expected), "{error}");
        assert!(adapter.add_category("client", name, servant).is_err());
    }
    assert!(adapter.is_empty());
    adapter.add(object(), "::Ice::Object", Arc::new(Callback::default())).unwrap();
}
