//! Which blocks of a large object the old version here already has.

use std::sync::Arc;

use super::standing::Standing;
use crate::delta::{Delta, Op, ScanOptions, Signature, fill, invert, scan, sign};
use crate::store::{Checksums, ObjectInfo, SourceFile};
use crate::sync::error::FileError;
use crate::sync::evidence::basis::NoBasis;
use crate::sync::evidence::reading::sums_of;
use crate::sync::evidence::sidecars;
use crate::sync::evidence::sums::equal_by;
use crate::sync::options::Comparison;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::{Stage, Verification};
use crate::sync::task::{Task, add};

/// Files that the new version is copied from, as if one lay behind the other: where each begins in that, and it.
pub(crate) type Bases = Vec<(u64, Arc<dyn SourceFile>)>;

/// What a comparison has found.
pub(crate) enum Difference {
    /// None.
    Unchanged { verification: Verification, reason: &'static str },
    /// Some, and where the old version has the new one's blocks.
    Delta { delta: Delta, signature: Arc<Signature>, bases: Bases },
    /// All of it, as far as is known.
    Whole { signature: Option<Arc<Signature>>, reason: String },
}

/// Compares an object with what stands here. `given_up` is whether its sidecar has turned out to be wrong.
pub(crate) async fn compare(
    task: &Task,
    object: &ObjectInfo,
    standing: Option<&Standing>,
    others: &[Arc<dyn SourceFile>],
    given_up: bool,
) -> Result<Difference, FileError> {
    let options = &task.context.options;
    let signature = signature_of(task, object, given_up).await?;
    let is_basis = !options.whole_file && standing.is_some_and(|standing| standing.file.len() > 0);
    match (signature, standing) {
        (Ok(signature), Some(standing)) if is_basis => {
            filled(task, scanned(task, object, standing, signature).await?, others).await
        }
        (Ok(signature), None) if !options.whole_file && !others.is_empty() => {
            let delta = Delta::from_iter([Op::Literal { len: object.len }]);
            filled(task, Difference::Delta { delta, signature, bases: Vec::new() }, others).await
        }
        (signature, Some(standing)) if standing.file.len() == object.len => {
            let reason = match &signature {
                Ok(_) => NoBasis::WholeFile.reason(),
                Err(why) => why.reason(),
            };
            summed(task, object, standing, signature.ok(), reason).await
        }
        (signature, standing) => {
            let reason = match (&signature, standing) {
                (_, None) => "new file".to_owned(),
                (Ok(_), Some(_)) => "changed".to_owned(),
                (Err(why), Some(_)) => why.reason(),
            };
            Ok(Difference::Whole { signature: signature.ok(), reason })
        }
    }
}

async fn signature_of(
    task: &Task,
    object: &ObjectInfo,
    given_up: bool,
) -> Result<Result<Arc<Signature>, NoBasis>, FileError> {
    if !task.context.options.sidecars {
        return Ok(Err(NoBasis::SidecarsOff));
    }
    if given_up {
        return Ok(Err(NoBasis::NotEqual));
    }
    let fetched = sidecars::fetch(&*task.context.store, &task.key, object).await?;
    add(&task.tally.sidecar_down, fetched.bytes);
    if let Some(warning) = fetched.signature.as_ref().err().and_then(NoBasis::warning) {
        task.warn(warning);
    }
    // Where a record is not to be believed, only the store's own sum proves the whole.
    let by_record = task.context.options.comparison != Comparison::Checksum || object.crc64nvme.is_some();
    Ok(fetched
        .signature
        .map(Arc::new)
        .and_then(|signature| if by_record { Ok(signature) } else { Err(NoBasis::SidecarsOff) }))
}

async fn scanned(
    task: &Task,
    object: &ObjectInfo,
    standing: &Standing,
    signature: Arc<Signature>,
) -> Result<Difference, FileError> {
    let _turn = task.context.pace.scan_turn().await?;
    task.begin(Stage::Comparing, standing.file.len());
    let options = ScanOptions::threads(task.context.options.threads);
    let (file, on_scanned, stored) = (Arc::clone(&standing.file), task.on_scanned(), object.crc64nvme);
    blocking(move || {
        let scan = scan(&signature, &*file, signature.block_len(), &options, &on_scanned)?;
        if scan.delta.is_identity(signature.len()) {
            let verification = match stored {
                Some(crc) if crc == scan.crcs.whole() => Verification::Crc64nvme,
                // A sidecar that proves itself may still be of another object.
                Some(_) => return Err(FileError::NotEqual("the sidecar is not of the object beside it".to_owned())),
                None => Verification::Sidecar,
            };
            return Ok(Difference::Unchanged { verification, reason: "every block is where it was" });
        }
        let delta = invert(&scan.delta, &signature, &*file).map_err(FileError::from_read)?;
        Ok(Difference::Delta { delta, signature, bases: vec![(0, file)] })
    })
    .await
}

/// Looks for what is still missing in other files, one after the other.
async fn filled(task: &Task, found: Difference, others: &[Arc<dyn SourceFile>]) -> Result<Difference, FileError> {
    let Difference::Delta { mut delta, signature, mut bases } = found else { return Ok(found) };
    for other in others {
        if delta.literal_bytes() == 0 {
            break;
        }
        let _turn = task.context.pace.scan_turn().await?;
        task.begin(Stage::Comparing, other.len());
        let shift = bases.last().map_or(0, |(start, file)| start + file.len());
        let options = ScanOptions::threads(task.context.options.threads);
        let (file, on_scanned, of_new) = (Arc::clone(other), task.on_scanned(), Arc::clone(&signature));
        delta = blocking(move || {
            let found = scan(&of_new, &*file, of_new.block_len(), &options, &on_scanned)?;
            let inverted = invert(&found.delta, &of_new, &*file).map_err(FileError::from_read)?;
            Ok(fill(&delta, &inverted, shift))
        })
        .await?;
        bases.push((shift, Arc::clone(other)));
    }
    Ok(Difference::Delta { delta, signature, bases })
}

async fn summed(
    task: &Task,
    object: &ObjectInfo,
    standing: &Standing,
    signature: Option<Arc<Signature>>,
    reason: String,
) -> Result<Difference, FileError> {
    let unchanged = |verification| Difference::Unchanged { verification, reason: "the store has the same checksum" };
    let whole = Difference::Whole { signature: signature.clone(), reason };
    let _turn = task.context.pace.scan_turn().await?;
    task.begin(Stage::Comparing, standing.file.len());
    if object.crc64nvme.is_none() && signature.is_none() {
        if object.etag.as_md5().is_none() {
            return Ok(whole);
        }
        let sums = sums_of(&standing.file, 0, object.len, true).await?;
        return Ok(equal_by(object, &sums).map_or(whole, unchanged));
    }
    let options = ScanOptions::threads(task.context.options.threads);
    let (file, on_scanned) = (Arc::clone(&standing.file), task.on_scanned());
    let block_len =
        signature.as_ref().map_or_else(|| crate::delta::BlockLen::for_file_len(object.len), |of| of.block_len());
    let (ours, _) = blocking(move || Ok(sign(&*file, block_len, &options, &on_scanned)?)).await?;
    let sums = Checksums { crc64nvme: ours.crc64nvme(), md5: None };
    if let Some(verification) = equal_by(object, &sums) {
        return Ok(unchanged(verification));
    }
    let same = object.crc64nvme.is_none() && signature.is_some_and(|of| of.blake3() == ours.blake3());
    Ok(if same { unchanged(Verification::Sidecar) } else { whole })
}
