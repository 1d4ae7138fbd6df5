//! The jobs.

use std::{
    hint::black_box,
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Result, ensure};
use ice::{
    codec,
    connection::{Address, Client, Options, connect},
    omero::{
        RLong,
        api::{IConfig, IQuery, RawPixelsStore},
        schema,
    },
    typed::Ref,
    wire::{Call, Encoding, Identity, Limits, Proxy},
};
use tokio::runtime::Runtime;

use crate::serve::{COLUMNS, PLANE_BYTES, ROWS};

/// A job's round: does the work and returns its amount (bytes or calls).
pub(crate) type Round<'r> = Box<dyn FnMut() -> Result<u64> + 'r>;

fn client(runtime: &Runtime, server: &Address) -> Result<Client> {
    runtime.block_on(async {
        let (client, connection) = connect(server, Options::default()).await?;
        tokio::spawn(connection.run());
        Ok(client)
    })
}

fn proxy(name: &str) -> Proxy {
    Proxy::new(Identity::new(name, "bench"))
}

/// Asks and looks at a cell of each row.
pub(crate) fn projection<'r>(runtime: &'r Runtime, server: &Address) -> Result<Round<'r>> {
    let client = client(runtime, server)?;
    Ok(Box::new(move || {
        let call = IQuery::projection("select", None);
        let answer = runtime.block_on(client.invoke(&proxy("query"), call, vec![]))?;
        let rows = answer.get()?;
        ensure!(rows.len() == ROWS);
        let mut sum = 0;
        for row in rows.iter() {
            let cell = row?.get(0)?.flatten().map(|cell| Ref::<RLong>::new(cell.id()));
            let cell = cell.ok_or_else(|| anyhow::anyhow!("no cell"))?;
            sum += answer.view(cell)?.get(RLong::VAL)?;
        }
        let rows = ROWS as i64;
        ensure!(sum == COLUMNS as i64 * rows * (rows - 1) / 2);
        Ok((ROWS * COLUMNS) as u64)
    }))
}

pub(crate) fn decode<'r>(runtime: &'r Runtime, server: &Address) -> Result<Round<'r>> {
    let client = client(runtime, server)?;
    let call = IQuery::projection("select", None);
    let operation = call.declaration()?;
    let call = Call {
        identity: proxy("query").identity,
        facet: String::new(),
        operation: operation.name.to_string(),
        mode: operation.mode.byte(),
        context: vec![],
        parameters: call.encode(Encoding::V1_1)?,
        limits: Limits::default(),
    };
    let content = runtime.block_on(client.call(call))?.into_result()?;
    let types: Vec<_> = operation.returns.into_iter().collect();
    Ok(Box::new(move || {
        let decoded = codec::decode(schema(), &types, &content, &Limits::default())?;
        ensure!(decoded.graph.objects.len() == ROWS * COLUMNS);
        Ok((ROWS * COLUMNS) as u64)
    }))
}

/// Numbers of bytes whose first is the larger.
fn numbers(bytes: &[u8], numbers: &mut [u16]) {
    let (pairs, _) = bytes.as_chunks::<2>();
    for (number, pair) in numbers.iter_mut().zip(pairs) {
        *number = u16::from_be_bytes(*pair);
    }
}

fn check(plane: &[u16]) -> Result<()> {
    ensure!(plane.first() == Some(&0) && plane.last() == Some(&u16::MAX), "not the plane");
    Ok(())
}

pub(crate) fn planes<'r>(
    runtime: &'r Runtime,
    server: &Address,
    count: u64,
    in_flight: usize,
) -> Result<Round<'r>> {
    let client = client(runtime, server)?;
    Ok(Box::new(move || {
        runtime.block_on(at_once(count, in_flight, |each| {
            let client = client.clone();
            async move {
                let store = proxy("pixels");
                let mut plane = vec![0; PLANE_BYTES / 2];
                for _ in 0..each {
                    let call = RawPixelsStore::get_plane(0, 0, 0);
                    let answer = client.invoke(&store, call, vec![]).await?;
                    numbers(answer.get()?, &mut plane);
                    check(&plane)?;
                }
                Ok(each * PLANE_BYTES as u64)
            }
        }))
    }))
}

/// `count` things in all, as many tasks at a time as are to be in flight.
async fn at_once<F>(count: u64, in_flight: usize, work: impl Fn(u64) -> F) -> Result<u64>
where
    F: Future<Output = Result<u64>> + Send + 'static,
{
    let each = count / in_flight.max(1) as u64;
    let tasks: Vec<_> = (0..in_flight).map(|_| tokio::spawn(work(each))).collect();
    let mut made = 0;
    for task in tasks {
        made += task.await??;
    }
    Ok(made)
}

pub(crate) fn ceiling_socket<'r>(server: &str, count: u64) -> Result<Round<'r>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let (mut bytes, mut plane) = (vec![0; PLANE_BYTES], vec![0; PLANE_BYTES / 2]);
    Ok(Box::new(move || {
        // One more is asked for than is read, until the last.
        stream.write_all(&[1])?;
        for number in 1..=count {
            if number < count {
                stream.write_all(&[1])?;
            }
            stream.read_exact(&mut bytes)?;
            numbers(&bytes, &mut plane);
            check(&plane)?;
        }
        Ok(count * PLANE_BYTES as u64)
    }))
}

pub(crate) fn ceiling_copy<'r>(count: u64, distinct: u64) -> Round<'r> {
    // None of zeros: the system gives all of those the same page.
    let stack: Vec<_> = (1..=distinct.max(1)).map(|n| vec![n as u8; PLANE_BYTES]).collect();
    let mut to = vec![0; PLANE_BYTES];
    Box::new(move || {
        for from in stack.iter().cycle().take(count as usize) {
            black_box(&mut to).copy_from_slice(black_box(from));
        }
        Ok(count * PLANE_BYTES as u64)
    })
}

pub(crate) fn calls<'r>(
    runtime: &'r Runtime,
    server: &Address,
    count: u64,
    in_flight: usize,
) -> Result<Round<'r>> {
    let client = client(runtime, server)?;
    Ok(Box::new(move || {
        runtime.block_on(at_once(count, in_flight, |each| {
            let client = client.clone();
            async move {
                let config = proxy("config");
                for _ in 0..each {
                    let call = IConfig::get_config_value("key");
                    let answer = client.invoke(&config, call, vec![]).await?;
                    ensure!(answer.get()? == "key");
                }
                Ok(each)
            }
        }))
    }))
}
