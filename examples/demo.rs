//! Shows on this machine what HugeSync saves: `cargo run --profile demo -p demo [-- FILE]`.
//!
//! Needs no account: it starts a strict S3 double on loopback and a temporary folder, syncs something real and large (the
//! Rust toolchain's own files in one tar, or a copy of FILE), edits it in three ways with a sync after each, and reads the
//! object back. The bytes on the wire are counted by the server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use indicatif::HumanBytes;
use strict_s3::StrictS3;

const BUCKET: &str = "demo-bucket";
const KEY: &str = "images/demo.tar";
/// About how large the tar becomes in bytes.
const TAR_LEN: u64 = 1 << 30;
/// Set for the child process that is the program itself.
const AS_PROGRAM: &str = "HUGESYNC_DEMO_RUNS_HUGESYNC";

fn main() -> ExitCode {
    // The demo runs the real command line: itself, once more, with the arguments of `hugesync`.
    if std::env::var_os(AS_PROGRAM).is_some() {
        return hugesync::cli::main();
    }
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("hugesync-demo-").tempdir().context("cannot make a folder")?;
    let file = folder.path().join("demo.tar");
    match std::env::args_os().nth(1) {
        Some(own) => {
            let own = PathBuf::from(own);
            println!("Copying {} ...", own.display());
            fs::copy(&own, &file).with_context(|| format!("cannot copy {}", own.display()))?;
        }
        None => {
            println!("Packing the Rust toolchain's own files into one tar ...");
            pack_toolchain(&file)?;
        }
    }
    let server = StrictS3::builder().bucket(BUCKET).data_dir(folder.path().join("s3")).start()?;
    println!("S3 double at {}, nothing leaves this machine.\n", server.endpoint());

    let rows = [
        Row::of(&server, &file, "first upload")?,
        Row::of(&server, &file, "nothing changed")?,
        {
            overwrite_pages(&file)?;
            Row::of(&server, &file, "20 pages of 4 KiB overwritten")?
        },
        {
            insert_near_front(&file)?;
            Row::of(&server, &file, "1,000 bytes inserted near the front")?
        },
        {
            append(&file)?;
            Row::of(&server, &file, "1 MiB appended")?
        },
    ];
    println!("\n{:<38} {:>12} {:>12} {:>9} {:>8}", "edit", "file", "on the wire", "saved", "time");
    for row in &rows {
        let saved = 100.0 * (1.0 - row.wire as f64 / row.len as f64);
        println!(
            "{:<38} {:>12} {:>12} {:>7.2} % {:>6.1} s",
            row.edit,
            HumanBytes(row.len).to_string(),
            HumanBytes(row.wire).to_string(),
            saved.max(0.0),
            row.seconds
        );
    }
    let (local, stored) = (hash(File::open(&file)?)?, stored_hash(&server)?);
    ensure!(local == stored, "the object is {stored}, the local file is {local}");
    println!("\nThe object, read back, has the BLAKE3 hash of the local file: {local}");
    Ok(())
}

/// One sync, as the server saw it.
struct Row {
    edit: &'static str,
    len: u64,
    /// Bytes in both directions, headers included.
    wire: u64,
    seconds: f64,
}

impl Row {
    fn of(server: &StrictS3, file: &Path, edit: &'static str) -> Result<Self> {
        println!("$ hugesync sync -v demo.tar s3://{BUCKET}/images/        # {edit}");
        server.clear_requests();
        let started = Instant::now();
        let status = Command::new(std::env::current_exe()?)
            .args(["sync", "-v"])
            .arg(file)
            .arg(format!("s3://{BUCKET}/images/"))
            .args(["--endpoint-url", &server.endpoint(), "--path-style"])
            .env(AS_PROGRAM, "1")
            .env("AWS_ACCESS_KEY_ID", server.access_key())
            .env("AWS_SECRET_ACCESS_KEY", server.secret_key())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .status()
            .context("cannot start hugesync")?;
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            bail!("hugesync ended with {status}");
        }
        let traffic = server.traffic();
        Ok(Self { edit, len: file.metadata()?.len(), wire: traffic.wire_in + traffic.wire_out, seconds })
    }
}

/// A tar of the toolchain's files in the order of their names, without times: about [`TAR_LEN`] bytes.
fn pack_toolchain(to: &Path) -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(rustc).args(["--print", "sysroot"]).output().context("cannot ask rustc for its files")?;
    let root = PathBuf::from(String::from_utf8(answer.stdout)?.trim_end());
    let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 20, File::create(to)?));
    let mut packed = 0;
    for entry in ignore::WalkBuilder::new(&root).standard_filters(false).sort_by_file_path(Path::cmp).build() {
        let entry = entry?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let file = File::open(entry.path())?;
        let mut header = tar::Header::new_gnu();
        header.set_size(file.metadata()?.len());
        header.set_mode(0o644);
        packed += header.size()?;
        tar.append_data(&mut header, entry.path().strip_prefix(&root)?, file)?;
        if packed >= TAR_LEN {
            break;
        }
    }
    tar.into_inner()?.flush()?;
    ensure!(packed > 0, "{} has no files", root.display());
    Ok(())
}

fn overwrite_pages(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let len = file.metadata()?.len();
    for page in 0..20u64 {
        let offset = (len / 20 * page) & !4095;
        file.write_all_at(&[page as u8; 4096][..(len - offset).min(4096) as usize], offset)?;
    }
    Ok(())
}

/// Everything behind the first 4 KiB moves by 1,000 bytes.
fn insert_near_front(path: &Path) -> io::Result<()> {
    let moved = path.with_extension("moved");
    let (mut from, mut to) = (File::open(path)?, File::create(&moved)?);
    io::copy(&mut (&mut from).take(4096), &mut to)?;
    to.write_all(&[b'+'; 1000])?;
    io::copy(&mut from, &mut to)?;
    fs::rename(moved, path)
}

fn append(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::End(0))?;
    let mut state = 1u64;
    let random = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    file.write_all(&(0..1 << 20).map(random).collect::<Vec<u8>>())
}

fn hash(mut from: impl Read) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut from, &mut hasher)?;
    Ok(hasher.finalize())
}

fn stored_hash(server: &StrictS3) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    server.read_to(BUCKET, KEY, &mut hasher)?;
    Ok(hasher.finalize())
}
