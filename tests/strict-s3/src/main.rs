//! The `strict-s3` command: starts a server, prints its endpoint, stops on SIGINT or SIGTERM.
//!
//! Arguments and output only; everything else is the library's.

use std::io;
use std::process::ExitCode;

use strict_s3::{Builder, Limits, StrictS3};

const USAGE: &str = "\
usage: strict-s3 [--port P] [--data DIR] [--bucket B]... [--access-key AK] [--secret-key SK]
                 [--imitate aws|r2|ceph|minio|garage|scaleway|careless] [--opaque-etags] [--log FILE.jsonl]

Listens on 127.0.0.1 only (a free port unless --port is given) and prints its endpoint.
Credentials are test and testtest unless given. Nothing survives a restart.";

fn main() -> ExitCode {
    let builder = match parse(std::env::args().skip(1)) {
        Ok(Some(builder)) => builder,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("strict-s3: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(builder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strict-s3: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Builder>, String> {
    let (mut builder, mut limits) = (StrictS3::builder(), Limits::aws());
    let (mut opaque, mut access_key, mut secret_key) = (false, "test".to_owned(), "testtest".to_owned());
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "-h" | "--help" => return Ok(None),
            "--opaque-etags" => {
                opaque = true;
                continue;
            }
            _ => {}
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value, or is not known"))?;
        match name.as_str() {
            "--port" => builder = builder.port(value.parse().map_err(|_| format!("not a port: {value}"))?),
            "--data" => builder = builder.data_dir(value),
            "--bucket" => builder = builder.bucket(value),
            "--log" => builder = builder.log(value),
            "--access-key" => access_key = value,
            "--secret-key" => secret_key = value,
            "--imitate" => {
                limits = Limits::named(&value)
                    .ok_or_else(|| format!("no imitation {value}: there are {}", Limits::NAMES.join(", ")))?;
            }
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    limits.opaque_etags |= opaque;
    Ok(Some(builder.limits(limits).credentials(access_key, secret_key)))
}

fn run(builder: Builder) -> io::Result<()> {
    let server = builder.start()?;
    println!("{}", server.endpoint());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(until_told_to_stop())?;
    server.stop();
    let traffic = server.traffic();
    eprintln!(
        "{} requests; bodies: {} bytes in, {} out; sockets: {} bytes in, {} out",
        traffic.requests, traffic.bytes_in, traffic.bytes_out, traffic.wire_in, traffic.wire_out
    );
    Ok(())
}

#[cfg(unix)]
async fn until_told_to_stop() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (first, second) = (std::pin::pin!(interrupt.recv()), std::pin::pin!(terminate.recv()));
    futures::future::select(first, second).await;
    Ok(())
}

#[cfg(not(unix))]
async fn until_told_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
