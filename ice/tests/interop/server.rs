//! Our client at a server of the official runtime: every kind of value there and back.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
};

use ice::{
    Error,
    codec::{Decoded, Format, decode, decode_exception, encode},
    connection::{Address, Client, Options, Verification, connect},
    omero,
    schema::{Operation, Type},
    value::{Graph, Value},
    wire::{Call, Compression, Encoding, Identity, Limits, Proxy, ReplyBody},
};
use serde_json::Value as Json;

use crate::{Certificate, certificate, kinds, neutral::Neutral, python};

/// A server of the official runtime, which ends with this.
pub(crate) struct Official {
    child: Child,
    address: Address,
    /// Whether it has each class.
    pub(crate) classes: Vec<bool>,
    /// Its classes of the model.
    pub(crate) model: Vec<u32>,
}

impl Official {
    fn start(
        python: &impl Fn() -> std::process::Command,
        kind: &str,
        certificate: &Certificate,
        is_sliced: bool,
    ) -> Self {
        let mut child = python()
            .args(["server", &format!("{kind} -h 127.0.0.1 -p 0")])
            .args([&certificate.certificate, &certificate.key])
            .args(is_sliced.then_some("sliced"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines: Lines<BufReader<ChildStdout>> =
            BufReader::new(child.stdout.take().unwrap()).lines();
        let proxy: Proxy = lines.next().unwrap().unwrap().trim().parse().unwrap();
        let schema = omero::schema();
        let names = lines.next().unwrap().unwrap();
        let model: Vec<u32> = names.split(' ').map(|id| schema.class(id).unwrap()).collect();
        assert!(model.len() > 150, "{}", model.len());
        let others = [
            "::omero::RBool",
            "::omero::RDouble",
            "::omero::RFloat",
            "::omero::RInt",
            "::omero::RLong",
            "::omero::RString",
            "::omero::RTime",
            "::omero::model::Details",
            "::omero::model::ElectricPotential",
            "::omero::model::Frequency",
            "::omero::model::Length",
            "::omero::model::Permissions",
            "::omero::model::Power",
            "::omero::model::Pressure",
            "::omero::model::Temperature",
            "::omero::model::Time",
            "::omero::model::NamedValue",
        ];
        let mut classes = vec![false; schema.classes.len()];
        for class in others.iter().filter_map(|id| schema.class(id)).chain(model.iter().copied()) {
            classes[class as usize] = true;
        }
        let address = Address::try_from(&proxy.endpoints[0]).unwrap();
        Self { child, address, classes, model }
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// Calls of the server's objects in an encoding and a format.
pub(crate) struct Calls {
    client: Client,
    encoding: Encoding,
    format: Format,
}

fn parameters(of: &Operation) -> Vec<Type> {
    of.parameters.iter().map(|member| member.of).collect()
}

fn results(of: &Operation) -> Vec<Type> {
    of.out.iter().copied().chain(of.returns).collect()
}

/// Encoding 1.0 says versions in datagram endpoints, which others do not have.
fn without_versions(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.remove("versions");
            map.values_mut().for_each(without_versions);
        }
        Json::Array(values) => values.iter_mut().for_each(without_versions),
        _ => {}
    }
}

/// An object of the server, its interface and an operation.
pub(crate) type To = (&'static str, &'static str, &'static str);

impl Calls {
    pub(crate) fn operation(&self, (_, interface, operation): To) -> &'static Operation {
        omero::schema().operation(interface, operation).unwrap()
    }

    pub(crate) async fn call(
        &self,
        to: To,
        values: &[Value],
        graph: &Graph,
    ) -> ice::Result<Decoded> {
        let schema = omero::schema();
        let of = self.operation(to);
        let format = if of.sliced { Format::Sliced } else { self.format };
        let parameters = encode(schema, &parameters(of), values, graph, self.encoding, format)?;
        let call = Call {
            identity: Identity::new(to.0, "test"),
            facet: String::new(),
            operation: of.name.to_string(),
            mode: of.mode.byte(),
            context: vec![("omero.client.uuid".to_owned(), "x".to_owned())],
            parameters,
            limits: Limits::default(),
        };
        match self.client.call(call).await? {
            ReplyBody::UserException(content) => {
                assert_eq!(content.encoding(), Ok(self.encoding));
                let raised = decode_exception(schema, &content, &Limits::default())?;
                Err(Error::Exception(Box::new(raised)))
            }
            body => {
                let content = body.into_result()?;
                assert_eq!(content.encoding(), Ok(self.encoding));
                decode(schema, &results(of), &content, &Limits::default())
            }
        }
    }

    pub(crate) fn neutral(&self, of: Type, value: &Value, graph: &Graph) -> Json {
        let encoding = if self.encoding == Encoding::V1_0 { "1.0" } else { "1.1" };
        let mut json = Neutral::new(omero::schema(), graph, encoding).json(of, value);
        without_versions(&mut json);
        json
    }

    /// What is given as the last argument comes back as the result.
    pub(crate) async fn comes_back(&self, to: To, values: &[Value], graph: &Graph) {
        let of = self.operation(to);
        let back = self.call(to, values, graph).await.unwrap_or_else(|error| {
            panic!("{to:?} {:?} {:?}: {error}", self.encoding, self.format)
        });
        let given = of.parameters.last().unwrap().of;
        assert_eq!(
            self.neutral(of.returns.unwrap(), &back.values[0], &back.graph),
            self.neutral(given, values.last().unwrap(), graph),
            "{to:?} {:?} {:?}",
            self.encoding,
            self.format
        );
    }

    /// What is given to one operation is the result of another.
    pub(crate) async fn is_kept(
        &self,
        give: To,
        get: &'static str,
        values: &[Value],
        graph: &Graph,
    ) {
        let given = self.operation(give).parameters[0].of;
        self.call(give, values, graph).await.unwrap();
        let get = (give.0, give.1, get);
        let back = self.call(get, &[], &Graph::new()).await.unwrap();
        assert_eq!(
            self.neutral(self.operation(get).returns.unwrap(), &back.values[0], &back.graph),
            self.neutral(given, &values[0], graph),
            "{get:?} {:?}",
            self.encoding
        );
    }
}

#[tokio::test]
async fn official_server() {
    let Some(python) = python() else { return };
    let certificate = certificate();
    for (kind, ways) in [
        (
            "tcp",
            &[
                (Encoding::V1_1, Format::Compact, Compression::Never),
                (Encoding::V1_1, Format::Sliced, Compression::Never),
                (Encoding::V1_0, Format::Compact, Compression::Never),
                (Encoding::V1_1, Format::Compact, Compression::Bzip2),
            ][..],
        ),
        (
            "ssl",
            &[
                (Encoding::V1_1, Format::Compact, Compression::Never),
                (Encoding::V1_1, Format::Sliced, Compression::Never),
                (Encoding::V1_0, Format::Compact, Compression::Bzip2),
            ],
        ),
        ("ws", &[(Encoding::V1_1, Format::Compact, Compression::Never)]),
        ("wss", &[(Encoding::V1_0, Format::Compact, Compression::Never)]),
    ] {
        for is_sliced in [false, true] {
            let ways: Vec<_> =
                ways.iter().filter(|way| (way.1 == Format::Sliced) == is_sliced).collect();
            if ways.is_empty() {
                continue;
            }
            let official = Official::start(&python, kind, &certificate, is_sliced);
            for &&(encoding, format, compression) in &ways {
                let options = Options::default()
                    .with_verification(Verification::CaFile(certificate.certificate.clone()))
                    .with_compression(compression);
                let (client, connection) = connect(&official.address, options).await.unwrap();
                let running = tokio::spawn(connection.run());
                let calls = Calls { client, encoding, format };
                kinds::classes(&calls, &official).await;
                kinds::graphs(&calls).await;
                kinds::rtypes(&calls).await;
                kinds::values(&calls).await;
                kinds::enumerators_and_proxies(&calls).await;
                kinds::columns(&calls).await;
                kinds::exceptions(&calls).await;
                calls.client.close().await;
                running.await.unwrap().unwrap();
            }
            official.end();
        }
    }
}
