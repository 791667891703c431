//! `hugesync sign`: signatures of local files, without any store.

use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::args::SignArgs;
use super::print::{print_error, print_line};
use crate::delta::{BlockLen, ReadAt as _, ScanOptions, sign};
use crate::exit;
use crate::human;
use crate::options::LogFormat;
use crate::sidecar::{self, Entry, Sidecar};
use crate::store::local::LocalFile;

pub(super) fn main(args: &SignArgs) -> ExitCode {
    let result = match (&args.inspect, &args.file) {
        (Some(signature), _) => inspect(signature),
        (None, Some(file)) => write(args, file),
        // The arguments ask for one or the other.
        (None, None) => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(LogFormat::Text, &human::name(&format!("{error:#}")), None);
            ExitCode::from(exit::FAILED)
        }
    }
}

fn write(args: &SignArgs, path: &Path) -> Result<()> {
    let file = LocalFile::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let block_len = args.block_size.map_or_else(|| BlockLen::for_file_len(file.len()), |size| size.block_len);
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let bar = ProgressBar::new(file.len())
        .with_style(ProgressStyle::with_template("{wide_bar:.green} {bytes}/{total_bytes} {bytes_per_sec}")?);
    let (signature, _) = sign(&file, block_len, &ScanOptions::threads(threads), &|done| {
        bar.set_position(done);
        ControlFlow::Continue(())
    })
    .with_context(|| format!("cannot sign {}", path.display()))?;
    bar.finish_and_clear();
    let bytes = sidecar::encode(&[Entry { etag: None, signature: &signature }])?;
    let out = args.output.clone().unwrap_or_else(|| with_suffix(path));
    if out == Path::new("-") {
        io::stdout().lock().write_all(&bytes).context("cannot write to stdout")?;
        return Ok(());
    }
    replace(&out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    print_line(&format!(
        "wrote {}: {} blocks of {} in {}",
        human::name(&out.display().to_string()),
        signature.blocks().len(),
        HumanBytes(block_len.bytes()),
        HumanBytes(bytes.len() as u64),
    ));
    Ok(())
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(sidecar::SUFFIX);
    name.into()
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(public()).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// What the umask leaves of rw-rw-rw-, as any other file that a program writes; temporary files are private otherwise.
fn public() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn inspect(path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = Sidecar::decode(&bytes).with_context(|| format!("{} is no sound signature", path.display()))?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {}, format {}",
        human::name(&path.display().to_string()),
        HumanBytes(bytes.len() as u64),
        sidecar::VERSION
    )?;
    for (index, claim) in found.claims().iter().enumerate() {
        let proof = match found.signature(index) {
            Ok(_) => "the block sums merge to this hash".to_owned(),
            Err(error) => format!("REFUSED: {error}"),
        };
        writeln!(out, "signature {} of {}", index + 1, found.claims().len())?;
        writeln!(out, "  file        {} bytes ({})", claim.len, HumanBytes(claim.len))?;
        writeln!(out, "  blocks      {} of {}", claim.blocks(), HumanBytes(claim.block_len.bytes()))?;
        writeln!(out, "  BLAKE3      {} ({proof})", hex(&claim.blake3))?;
        writeln!(out, "  CRC64NVME   {:016x}", claim.crc64nvme)?;
        writeln!(out, "  ETag        {}", claim.etag.as_deref().map_or("none".into(), human::name))?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
