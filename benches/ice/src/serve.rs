//! A server that gives what it has ready: what is measured is the client.

use std::{
    io::{Read, Write},
    net::TcpListener as StdListener,
    sync::Arc,
};

use anyhow::Result;
use ice::{
    connection::{Acceptor, Adapter, Options, Reply, Servant},
    omero::{
        RDouble, RInt, RLong, RString,
        api::{IConfig, IQuery, RawPixelsStore},
        schema,
    },
    typed::Bytes,
    value::Graph,
    wire::{Call, Encapsulation, Encoding, Identity, ReplyBody},
};
use tokio::net::TcpListener;

/// Rows of the projection: fields of a plate of 1536 wells with nine each.
pub(crate) const ROWS: usize = 13_824;
/// Columns of the projection.
pub(crate) const COLUMNS: usize = 16;
/// Bytes of a plane: 1024 x 1024 numbers of two bytes, the first byte being the larger.
pub(crate) const PLANE_BYTES: usize = 2 << 20;

/// Answers each operation with what is ready for it.
struct Ready {
    projection: Encapsulation,
    plane: Encapsulation,
}

impl Servant for Ready {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let body = match call.operation.as_str() {
            "projection" => ReplyBody::Ok(self.projection.clone()),
            "getPlane" => ReplyBody::Ok(self.plane.clone()),
            // A text is given back: argument and result look alike.
            "getConfigValue" => ReplyBody::Ok(call.parameters),
            _ => call.operation_not_exist(),
        };
        Box::pin(std::future::ready(body))
    }
}

/// What the 16 columns of a plate's fields are like: numbers, names, sizes, times and flags.
fn projection() -> ice::Result<Encapsulation> {
    let mut graph = Graph::new();
    let mut rows = Vec::with_capacity(ROWS);
    for row in 0..ROWS {
        let cells = (0..COLUMNS).map(|column| {
            let number = (row * COLUMNS + column) as i64;
            match column {
                0..5 => graph.make::<RLong>().with(RLong::VAL, number).done().as_base(),
                5..9 => graph.make::<RInt>().with(RInt::VAL, number as i32).done().as_base(),
                9..12 => {
                    let text = format!("field {number}");
                    graph.make::<RString>().with(RString::VAL, &text).done().as_base()
                }
                _ => graph.make::<RDouble>().with(RDouble::VAL, number as f64).done().as_base(),
            }
        });
        rows.push(cells.map(Some).collect());
    }
    IQuery::PROJECTION.reply(rows, &graph, Encoding::V1_1)
}

pub(crate) async fn run() -> Result<()> {
    let plane: Vec<u8> = (0..PLANE_BYTES / 2).flat_map(|at| (at as u16).to_be_bytes()).collect();
    let plane = Bytes::from(plane);
    let ready = Ready {
        projection: projection()?,
        plane: RawPixelsStore::GET_PLANE.reply(plane.clone(), &Graph::new(), Encoding::V1_1)?,
    };
    // Both ends of a text are written alike, so that it may be given back as it came.
    let text = IConfig::GET_CONFIG_VALUE.reply("a", &Graph::new(), Encoding::V1_1)?;
    anyhow::ensure!(text == IConfig::get_config_value("a").encode(Encoding::V1_1)?);
    let adapter = Adapter::new(schema());
    let ready = Arc::new(ready);
    for (name, interface) in [
        ("query", "::omero::api::IQuery"),
        ("pixels", "::omero::api::RawPixelsStore"),
        ("config", "::omero::api::IConfig"),
    ] {
        adapter.add(Identity::new(name, "bench"), interface, ready.clone())?;
    }
    let options = Options::default().with_servants(Arc::new(adapter));
    let acceptor = Acceptor { options, ..Acceptor::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let raw = StdListener::bind("127.0.0.1:0")?;
    println_ports(listener.local_addr()?.port(), raw.local_addr()?.port())?;
    std::thread::spawn(move || raw_planes(&raw, &plane));
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok((_, connection)) = acceptor.accept(stream).await {
                // A client that goes is no failure of the server.
                let _: ice::Result<()> = connection.run().await;
            }
        });
    }
}

fn println_ports(ice: u16, raw: u16) -> Result<()> {
    crate::answer(&serde_json::json!({ "ice": ice, "raw": raw }))
}

/// Sends a plane for each byte that comes.
fn raw_planes(listener: &StdListener, plane: &Bytes) {
    for mut stream in listener.incoming().flatten() {
        let plane = plane.clone();
        std::thread::spawn(move || {
            let mut asked = [0];
            while stream.read_exact(&mut asked).is_ok() && stream.write_all(&plane).is_ok() {}
        });
    }
}
