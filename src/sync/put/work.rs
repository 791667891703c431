//! What there is to do for a large file, decided as a whole before anything is written: its parts, and why these.
//!
//! It does none of it. A dry run reports from it what a real run does with it.

use std::sync::Arc;

use super::compare::{Difference, Known};
use crate::delta::{Delta, Op, Signature};
use crate::stitch::{self, Plan};
use crate::store::{Attributes, Copies, CopySource, MultipartStore, ObjectInfo};
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::{Asked, BLAKE3};
use crate::sync::evidence::basis::NoBasis;
use crate::sync::evidence::sums::hex;
use crate::sync::report::{Action, Change};
use crate::sync::task::Task;

/// What is to be uploaded, and how.
pub(crate) struct Work {
    pub(crate) plan: Plan,
    /// The sums of the file, where it has been read.
    pub(crate) known: Option<Known>,
    /// The old version, where parts are copied from it.
    pub(crate) basis: Option<CopySource>,
    /// The signature of the old version, where it is known.
    pub(crate) old: Option<Arc<Signature>>,
    /// What the object gets; `None` where that waits for what is read.
    pub(crate) attributes: Option<Attributes>,
    pub(crate) changes: Vec<Change>,
    pub(crate) reason: String,
}

impl Work {
    /// From what differs to parts.
    pub(crate) fn of(
        task: &Task,
        multipart: &dyn MultipartStore,
        len: u64,
        object: Option<&ObjectInfo>,
        difference: Difference,
    ) -> Result<Self, FileError> {
        let (limits, costs) = (multipart.limits(), multipart.costs());
        let mut changes = vec![if object.is_some() { Change::Content } else { Change::New }];
        changes.extend(object.filter(|object| object.len != len).map(|_| Change::Size));
        match (difference, object) {
            (Difference::Delta { delta, known, basis }, Some(object)) => {
                let plan = stitch::plan(&delta, &limits, &costs)?;
                let (new, of) = (delta.literal_bytes(), delta.len());
                let source = CopySource { key: task.key.clone(), etag: object.etag.clone() };
                let (known, basis, old) = (Some(known), Some(source), Some(basis));
                let reason = format!("{new} of {of} bytes are new");
                let work = Self { plan, known, basis, old, attributes: None, changes, reason };
                let why = match multipart.copies() {
                    _ if new == of => "nothing of it is in the old version".to_owned(),
                    _ if work.plan.copied_bytes() == 0 => {
                        format!("its {new} new bytes are too scattered for parts of at least {} bytes", limits.min_part)
                    }
                    Copies::Refused(why) => why.to_owned(),
                    Copies::Work | Copies::Untried => return Ok(work),
                };
                work.whole(multipart, why)
            }
            (Difference::Whole { known, why }, _) => {
                let plan = stitch::whole(len, &limits, &costs)?;
                Ok(Self { plan, known, basis: None, old: None, attributes: None, changes, reason: why.reason() })
            }
            (Difference::Delta { .. } | Difference::Unchanged { .. }, _) => {
                unreachable!("without an object there is nothing to differ from")
            }
        }
    }

    /// The way to set what is asked for on an object whose bytes are right: every part of it is copied, since what is set is
    /// fixed when an upload is created. `given_up` is why nothing is copied any more, where that was tried.
    pub(crate) async fn update(
        task: &Task,
        multipart: &dyn MultipartStore,
        asked: &Asked,
        object: &ObjectInfo,
        known: Known,
        changes: Vec<Change>,
        given_up: Option<&NoBasis>,
    ) -> Result<Self, FileError> {
        let all = Delta::from_iter([Op::Copy { from: 0, len: object.len }]);
        let plan = stitch::plan(&all, &multipart.limits(), &multipart.costs())?;
        let tags = if object.tag_count > 0 { task.context.store.tags(&task.key).await? } else { Default::default() };
        let mut attributes = asked.over(object, tags);
        attributes.metadata.insert(BLAKE3.to_owned(), hex(known.signature.blake3()));
        let basis = Some(CopySource { key: task.key.clone(), etag: object.etag.clone() });
        let old = Some(Arc::clone(&known.signature));
        let reason = "only what is set on the object differs".to_owned();
        let work = Self { plan, known: Some(known), basis, old, attributes: Some(attributes), changes, reason };
        match (given_up, multipart.copies()) {
            (Some(NoBasis::NotEqual), _) => work.whole(multipart, NoBasis::NotEqual.reason()),
            (_, Copies::Refused(why)) => work.whole(multipart, why.to_owned()),
            (_, Copies::Work | Copies::Untried) => Ok(work),
        }
    }

    /// The same from the file alone, and why.
    pub(crate) fn whole(self, multipart: &dyn MultipartStore, why: String) -> Result<Self, FileError> {
        let plan = stitch::whole(self.plan.len(), &multipart.limits(), &multipart.costs())?;
        Ok(Self { plan, basis: None, reason: why, ..self })
    }

    /// What becomes of the file by it.
    pub(crate) fn action(&self) -> Action {
        match (self.plan.copied_bytes(), &self.attributes) {
            (0, _) => Action::Uploaded,
            (_, Some(_)) => Action::Updated,
            (_, None) => Action::Stitched,
        }
    }

    /// Whether another run can resume it. Parts that were copied are as quickly copied again; and what was set when the
    /// upload was created cannot be compared, which matters where that says something of the file.
    pub(crate) fn is_resumable(&self, asked: &Asked) -> bool {
        self.basis.is_none() && self.known.is_none() && asked.is_nothing()
    }

    /// Bytes of its copies, where only trying will tell whether they have to be uploaded.
    pub(crate) fn unsure_bytes(&self, multipart: &dyn MultipartStore) -> u64 {
        if multipart.copies() == Copies::Untried { self.plan.copied_bytes() } else { 0 }
    }
}
