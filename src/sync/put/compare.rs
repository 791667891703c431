//! What the store has of a large file, and what that leaves to do.

use std::sync::Arc;

use super::decide::{self, billed_tier, comparison};
use super::sidecar::as_it_stands;
use crate::delta::{BlockCrcs, BlockLen, Delta, ScanOptions, Signature, scan, sign};
use crate::store::{Condition, ObjectInfo, SourceFile, StorageTier};
use crate::sync::error::FileError;
use crate::sync::evidence::basis::NoBasis;
use crate::sync::evidence::sidecars;
use crate::sync::options::Comparison;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::Stage;
use crate::sync::report::Verification;
use crate::sync::task::{Task, add};

/// The sums of the local file, where it has been read already.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) signature: Arc<Signature>,
    pub(crate) crcs: Arc<BlockCrcs>,
}

/// What a comparison has found.
pub(crate) enum Difference {
    /// None.
    Unchanged {
        verification: Verification,
        reason: &'static str,
        known: Known,
        /// Whether the object has no signature beside it.
        unsigned: bool,
    },
    /// Some, and where the object still has the file's bytes.
    Delta { delta: Delta, known: Known, basis: Arc<Signature> },
    /// All of it, as far as is known.
    Whole { known: Option<Known>, why: NoBasis },
}

/// A file compared with what the store has.
pub(crate) struct Compared {
    pub(crate) difference: Difference,
    /// When the sidecar may be written.
    pub(crate) write_sidecar_if: Condition,
}

/// Compares a file with `object`. `given_up` is why the old version is no basis any more, where an attempt to copy from it
/// has failed.
pub(crate) async fn compare(
    task: &Task,
    file: &Arc<dyn SourceFile>,
    block_len: BlockLen,
    object: Option<&ObjectInfo>,
    given_up: Option<&NoBasis>,
) -> Result<Compared, FileError> {
    let (signature, write_if) = signature_of(task, object, given_up).await?;
    let difference = match (comparison(file.len(), object, signature.is_ok()), signature) {
        (decide::Comparison::Scan, Ok(basis)) => {
            scanned(task, file, block_len, object.and_then(|object| object.crc64nvme), basis).await?
        }
        (decide::Comparison::Checksum, Err(why)) => summed(task, file, block_len, object, why).await?,
        (_, signature) => Difference::Whole { known: None, why: signature.err().unwrap_or(NoBasis::NewObject) },
    };
    Ok(Compared { difference, write_sidecar_if: write_if })
}

async fn signature_of(
    task: &Task,
    object: Option<&ObjectInfo>,
    given_up: Option<&NoBasis>,
) -> Result<(Result<Signature, NoBasis>, Condition), FileError> {
    let none = |why, write_if| Ok((Err(why), write_if));
    if !task.context.options.sidecars {
        let why = if object.is_some() { NoBasis::SidecarsOff } else { NoBasis::NewObject };
        return none(why, Condition::Always);
    }
    let Some(object) = object else { return none(NoBasis::NewObject, as_it_stands(task).await?) };
    let fetched = sidecars::fetch(&*task.context.store, &task.key, object).await?;
    add(&task.tally.sidecar_down, fetched.bytes);
    let write_if = match fetched.write_if {
        Some(write_if) => write_if,
        None => as_it_stands(task).await?,
    };
    let mut signature = fetched.signature;
    if let StorageTier::Archived(class) = &object.tier {
        signature = Err(NoBasis::Archived(class.clone()));
    }
    if let Some(given_up) = given_up {
        signature = Err(given_up.clone());
    }
    if let Some(warning) = signature.as_ref().err().and_then(NoBasis::warning) {
        task.warn(warning);
    }
    if let (Ok(_), Some(class)) = (&signature, billed_tier(object)) {
        task.warn(format!("the object is in {class}, where the store bills every byte that is copied from it"));
    }
    Ok((signature, write_if))
}

async fn scanned(
    task: &Task,
    file: &Arc<dyn SourceFile>,
    block_len: BlockLen,
    stored_crc: Option<u64>,
    basis: Signature,
) -> Result<Difference, FileError> {
    let _turn = task.context.pace.scan_turn().await?;
    task.begin(Stage::Comparing, file.len());
    let (file, options, on_scanned) = (Arc::clone(file), scan_options(task), task.on_scanned());
    let by_record = task.context.options.comparison != Comparison::Checksum;
    blocking(move || {
        let scan = scan(&basis, &*file, block_len, &options, &on_scanned)?;
        if scan.delta.is_identity(basis.len()) {
            let reason = "every block is where it was";
            let verification = match stored_crc {
                Some(crc) if crc == scan.crcs.whole() => Some(Verification::Crc64nvme),
                // A sidecar that proves itself may still be of another object.
                Some(_) => return Err(FileError::NotEqual("the sidecar is not of the object beside it".to_owned())),
                None => by_record.then_some(Verification::Sidecar),
            };
            // Where a record is not to be believed, every part is copied and compared.
            if let Some(verification) = verification {
                let known = Known { signature: Arc::new(scan.signature), crcs: Arc::new(scan.crcs) };
                return Ok(Difference::Unchanged { verification, reason, known, unsigned: false });
            }
        }
        let known = Known { signature: Arc::new(scan.signature), crcs: Arc::new(scan.crcs) };
        Ok(Difference::Delta { delta: scan.delta, known, basis: Arc::new(basis) })
    })
    .await
}

async fn summed(
    task: &Task,
    file: &Arc<dyn SourceFile>,
    block_len: BlockLen,
    object: Option<&ObjectInfo>,
    why: NoBasis,
) -> Result<Difference, FileError> {
    let _turn = task.context.pace.scan_turn().await?;
    task.begin(Stage::Comparing, file.len());
    let (file, options, on_scanned) = (Arc::clone(file), scan_options(task), task.on_scanned());
    let known = blocking(move || {
        let (signature, crcs) = sign(&*file, block_len, &options, &on_scanned)?;
        Ok(Known { signature: Arc::new(signature), crcs: Arc::new(crcs) })
    })
    .await?;
    if object.and_then(|object| object.crc64nvme) == Some(known.signature.crc64nvme()) {
        let reason = "the store has the same checksum";
        return Ok(Difference::Unchanged { verification: Verification::Crc64nvme, reason, known, unsigned: true });
    }
    Ok(Difference::Whole { known: Some(known), why })
}

fn scan_options(task: &Task) -> ScanOptions {
    ScanOptions::threads(task.context.options.threads)
}
