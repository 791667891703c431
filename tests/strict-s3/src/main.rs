//! The `strict-s3` command: starts a server, prints its endpoint, stops on SIGINT or SIGTERM.
//!
//! Arguments and output only; everything else is the library's.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use strict_s3::{Builder, Limits, StrictS3};

/// How long credentials of --admit are good.
const ADMITTED: Duration = Duration::from_secs(12 * 3600);

const USAGE: &str = "\
usage: strict-s3 [--port P] [--data DIR] [--bucket B]... [--access-key AK] [--secret-key SK]
                 [--imitate aws|r2|ceph|minio|garage|scaleway|careless] [--opaque-etags] [--log FILE.jsonl]
                 [--list-delay MILLISECONDS] [--fill COUNT[:PREFIX]]... [--admit AK:SK:TOKEN]...

Listens on 127.0.0.1 only (a free port unless --port is given) and prints its endpoint.
Credentials are test and testtest unless given. Nothing survives a restart.
--admit also accepts temporary credentials, for twelve hours.
--list-delay holds every page of a listing of objects back that long, without holding up anything else.
--fill puts COUNT objects of one byte into the first bucket, PREFIXd000/f000000.bin and on, 1,000 to a folder.";

/// The first bucket, and what it begins with: numbers of objects and what their keys begin with.
#[derive(Default)]
struct Fills {
    bucket: Option<String>,
    runs: Vec<(usize, String)>,
    /// Temporary credentials that are accepted too.
    admitted: Vec<[String; 3]>,
}

fn main() -> ExitCode {
    let (builder, fills) = match parse(std::env::args().skip(1)) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("strict-s3: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(builder, &fills) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strict-s3: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<(Builder, Fills)>, String> {
    let (mut builder, mut limits) = (StrictS3::builder().keep_requests(false), Limits::aws());
    let mut fills = Fills::default();
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
            "--bucket" => {
                fills.bucket.get_or_insert_with(|| value.clone());
                builder = builder.bucket(value);
            }
            "--log" => builder = builder.log(value),
            "--list-delay" => {
                let delay = value.parse().map_err(|_| format!("not a number of milliseconds: {value}"))?;
                builder = builder.list_delay(Duration::from_millis(delay));
            }
            "--fill" => {
                let (count, prefix) = value.split_once(':').unwrap_or((&value, ""));
                let count = count.parse().map_err(|_| format!("not a number of objects: {value}"))?;
                fills.runs.push((count, prefix.to_owned()));
            }
            "--access-key" => access_key = value,
            "--secret-key" => secret_key = value,
            "--admit" => match value.splitn(3, ':').collect::<Vec<_>>().as_slice() {
                [access_key, secret_key, token] => {
                    fills.admitted.push([*access_key, *secret_key, *token].map(str::to_owned));
                }
                _ => return Err(format!("not ACCESS-KEY:SECRET-KEY:TOKEN: {value}")),
            },
            "--imitate" => {
                limits = Limits::named(&value)
                    .ok_or_else(|| format!("no imitation {value}: there are {}", Limits::NAMES.join(", ")))?;
            }
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    if fills.bucket.is_none() && !fills.runs.is_empty() {
        return Err("--fill needs a --bucket".to_owned());
    }
    limits.opaque_etags |= opaque;
    Ok(Some((builder.limits(limits).credentials(access_key, secret_key), fills)))
}

fn run(builder: Builder, fills: &Fills) -> io::Result<()> {
    let server = builder.start()?;
    for (count, prefix) in &fills.runs {
        server.fill(fills.bucket.as_deref().unwrap_or_default(), *count, prefix);
    }
    for [access_key, secret_key, token] in &fills.admitted {
        server.admit(access_key, secret_key, token, SystemTime::now() + ADMITTED);
    }
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
