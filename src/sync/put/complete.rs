//! The moment when the new object stands: Complete, once, whatever happens to its answer.

use md5::{Digest as _, Md5};

use super::transfer::Transferred;
use super::write::{NO_CONDITIONS, holds, may_be_wrong};
use crate::store::{Condition, ETag, ErrorKind, MultipartStore, PartReceipt, Upload, WholeObject};
use crate::sync::error::FileError;
use crate::sync::evidence::sums::hex;
use crate::sync::report::Verification;
use crate::sync::task::Task;

/// The ETag that most stores will give to an object of these parts: the MD5 of their MD5s, and how many they are. `None`
/// where a part's ETag is no MD5.
pub(crate) fn expected_etag(parts: &[PartReceipt]) -> Option<ETag> {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part.etag.as_md5()?);
    }
    Some(ETag::new(&format!("{}-{}", hex(&md5.finalize()), parts.len())))
}

/// The length in bytes of the ETag of an object of so many parts: S3 and those that imitate it write 32 hexadecimal digits
/// and the number of parts, whether the digits are an MD5 or not.
pub(crate) fn usual_etag_len(parts: usize) -> usize {
    32 + 1 + parts.to_string().len()
}

/// What stands now, and who has compared it with the local file.
pub(crate) struct Completed {
    pub(crate) etag: ETag,
    pub(crate) verification: Verification,
}

/// Makes the object stand if `condition` holds, and says who verified it.
pub(crate) async fn complete(
    task: &Task,
    multipart: &dyn MultipartStore,
    upload: &Upload,
    transferred: &Transferred,
    condition: &Condition,
) -> Result<Completed, FileError> {
    let store = &task.context.store;
    let whole = WholeObject { len: transferred.signature.len(), crc64nvme: transferred.signature.crc64nvme() };
    let parts = &transferred.receipts;
    // A store that is not known to check the condition may ignore it: looked at here, right before.
    if !store.is_proven() && !holds(task, &task.key, condition).await? {
        return Err(FileError::Conflict { url: task.url(), attempts: 1 });
    }
    let mut receipt = match multipart.complete(upload, parts, whole, condition).await {
        Ok(receipt) => receipt,
        Err(error) => match error.kind {
            // The answer was lost and a retry found the upload gone, or no answer came at all: is it there?
            kind if may_have_been_done(kind)
                && let Some(receipt) = standing(task, parts, whole).await =>
            {
                receipt
            }
            kind if may_be_wrong(task, kind) && holds(task, &task.key, condition).await? => {
                task.warn(NO_CONDITIONS.to_owned());
                multipart.complete(upload, parts, whole, &Condition::Always).await?
            }
            // The version that If-Match names is gone (recorded on AWS).
            ErrorKind::NotFound => return Err(FileError::Conflict { url: task.url(), attempts: 1 }),
            _ => return Err(error.into()),
        },
    };
    // Some stores say nothing of the object here (Ceph 16 answers with an empty ETag) and everything to HEAD.
    let silent = receipt.etag.as_str().is_empty() || (upload.checksummed && receipt.crc64nvme.is_none());
    if silent {
        let Some(object) = store.head(&task.key).await? else {
            let url = task.url();
            return Err(FileError::NotEqual(format!(
                "the store says that it has completed {url}, and there is no such object"
            )));
        };
        if object.len != whole.len {
            return Err(not_equal(task));
        }
        receipt = PartReceipt { etag: object.etag, crc64nvme: object.crc64nvme };
    }
    let verification = if upload.checksummed && receipt.crc64nvme.is_some() {
        if receipt.crc64nvme != Some(whole.crc64nvme) {
            return Err(not_equal(task));
        }
        Verification::Crc64nvme
    } else if transferred.md5s_equal && expected_etag(parts).as_ref() == Some(&receipt.etag) {
        Verification::PartMd5
    } else {
        Verification::None
    };
    if verification == Verification::None {
        task.warn("the store reports no checksum that could be compared: the object is not verified".to_owned());
    }
    Ok(Completed { etag: receipt.etag, verification })
}

/// Whether an error may hide that an earlier attempt at the same request was carried out.
fn may_have_been_done(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NoSuchUpload | ErrorKind::Unavailable) || kind.is_silence() || kind.is_conflict()
}

fn not_equal(task: &Task) -> FileError {
    FileError::NotEqual(format!("the store says that {} has another checksum than the local file", task.url()))
}

/// The object at the key, if it is the one that these parts make.
async fn standing(task: &Task, parts: &[PartReceipt], whole: WholeObject) -> Option<PartReceipt> {
    let object = task.context.store.head(&task.key).await.ok()??;
    let ours = object.len == whole.len
        && (object.crc64nvme == Some(whole.crc64nvme) || expected_etag(parts).as_ref() == Some(&object.etag));
    ours.then_some(PartReceipt { etag: object.etag, crc64nvme: object.crc64nvme })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The MD5 of the MD5s of two parts, "a" and "b", computed with another library.
    #[test]
    fn the_etag_of_an_object_follows_from_its_parts() {
        let part = |etag| PartReceipt { etag: ETag::new(etag), crc64nvme: None };
        let parts = [part("0cc175b9c0f1b6a831c399e269772661"), part("92eb5ffee6ae2fec3ad71c777531578f")];
        assert_eq!(expected_etag(&parts).expect("both are MD5s").as_str(), "96e024ba2074fe77e8e965ba43a704be-2");
        assert_eq!(expected_etag(&[part("opaque")]), None);
        assert_eq!([2, 10_000].map(usual_etag_len), ["96e024ba2074fe77e8e965ba43a704be-2".len(), 38]);
    }
}
