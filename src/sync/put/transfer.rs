//! The parts of a plan, side by side: uploads from the file, copies inside the store, each checked as it arrives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::compare::Known;
use super::write::undamaged;
use crate::delta::{BlockLen, Signature, SignatureBuilder};
use crate::stitch::{Part, PartSource, Plan};
use crate::store::{
    Checksums, Copies, CopySource, ErrorKind, ListedPart, MultipartStore, PartReceipt, SourceFile, Upload,
};
use crate::sync::error::FileError;
use crate::sync::evidence::reading::{ReadRange, Wanted, read, sums_of};
use crate::sync::pace::blocking::blocking;
use crate::sync::pace::turns::MAX_BUFFERED;
use crate::sync::report::Stage;
use crate::sync::task::{Task, add};

/// Copies of one file that are asked for at once; how many run is the gate's matter.
const COPIES_AHEAD: usize = 64;

/// A plan on its way into an upload.
pub(crate) struct Transfer<'a> {
    pub(crate) task: &'a Task,
    pub(crate) multipart: &'a dyn MultipartStore,
    pub(crate) upload: &'a Upload,
    pub(crate) file: &'a Arc<dyn SourceFile>,
    pub(crate) plan: &'a Plan,
    /// Where copied parts come from.
    pub(crate) basis: Option<&'a CopySource>,
    /// The sums of the file, where it has been read before; else they are computed as it is uploaded.
    pub(crate) known: Option<&'a Known>,
    pub(crate) block_len: BlockLen,
    /// Parts that the upload holds already, by number.
    pub(crate) kept: BTreeMap<u32, ListedPart>,
}

/// An upload that holds all of its parts.
pub(crate) struct Transferred {
    /// What the store said of each, in order.
    pub(crate) receipts: Vec<PartReceipt>,
    /// The signature of what was read.
    pub(crate) signature: Arc<Signature>,
    /// Whether the ETag of every part is the MD5 of the local bytes; computed only for stores without CRC64NVME.
    pub(crate) md5s_equal: bool,
}

/// What the parts share while they are under way.
struct State {
    builder: Option<Mutex<SignatureBuilder>>,
    md5s_equal: AtomicBool,
}

impl Transfer<'_> {
    /// Transfers every part.
    pub(crate) async fn run(self) -> Result<Transferred, FileError> {
        let len = self.file.len();
        self.task.begin(Stage::Transferring, len);
        let state = State {
            builder: self.known.is_none().then(|| Mutex::new(SignatureBuilder::new(self.block_len, len))),
            md5s_equal: AtomicBool::new(!self.upload.checksummed),
        };
        let numbered = (1u32..).zip(self.plan.parts().iter().copied());
        let (uploads, mut copies): (Vec<_>, Vec<_>) = numbered.partition(|(_, part)| part.is_upload());
        let mut receipts = Vec::with_capacity(self.plan.parts().len());
        // Nothing is uploaded in vain to a store that turns out to refuse.
        if self.multipart.copies() == Copies::Untried
            && let Some((number, part)) = copies.pop()
        {
            receipts.push(self.copy_part(number, part).await?);
        }
        // Boxed: the compiler cannot see that a future which borrows its stream's items may change threads.
        let uploads = stream::iter(uploads)
            .map(|(number, part)| self.upload_part(&state, number, part).boxed())
            .buffer_unordered(self.task.context.options.parts_in_memory.get() * 2)
            .try_collect::<Vec<_>>();
        let copies = stream::iter(copies)
            .map(|(number, part)| self.copy_part(number, part).boxed())
            .buffer_unordered(COPIES_AHEAD)
            .try_collect::<Vec<_>>();
        let (uploaded, copied) = futures::try_join!(uploads, copies)?;
        receipts.extend(uploaded.into_iter().chain(copied));
        receipts.sort_unstable_by_key(|(number, _)| *number);
        let signature = match (self.known, state.builder) {
            (Some(known), _) => Arc::clone(&known.signature),
            (None, Some(builder)) => {
                let builder = builder.into_inner().unwrap_or_else(PoisonError::into_inner);
                let (signature, _) = builder.finish().map_err(|error| FileError::NotEqual(error.to_string()))?;
                Arc::new(signature)
            }
            (None, None) => unreachable!("without known sums a builder was made above"),
        };
        Ok(Transferred {
            receipts: receipts.into_iter().map(|(_, receipt)| receipt).collect(),
            signature,
            md5s_equal: state.md5s_equal.into_inner(),
        })
    }

    async fn upload_part(&self, state: &State, number: u32, part: Part) -> Result<(u32, PartReceipt), FileError> {
        let _memory = self.task.context.pace.memory_for(part.len.min(MAX_BUFFERED)).await?;
        let wanted = Wanted {
            blocks: state.builder.is_some().then_some(self.block_len),
            md5: !self.upload.checksummed,
            blake3: false,
        };
        let read = read_range(self.task, self.file, part.offset, part.len, wanted).await?;
        if let Some(builder) = &state.builder {
            let mut builder = builder.lock().unwrap_or_else(PoisonError::into_inner);
            read.sums.into_iter().for_each(|sums| builder.add(sums));
        }
        let sums = read.payload.checksums;
        // Read a second time: what the scan saw and what is sent have to be one version of the file.
        if let Some(known) = self.known
            && self.crc_of(known, part).await? != sums.crc64nvme
        {
            return Err(FileError::Changed);
        }
        if let Some(kept) = self.kept.get(&number).filter(|kept| is_same(kept, &part, &sums, self.upload)) {
            self.task.advance(part.len);
            add(&self.task.tally.resumed, part.len);
            return Ok((number, kept.receipt.clone()));
        }
        let send = || self.multipart.upload_part(self.upload, number, read.payload.clone());
        let turn = self.task.context.pace.upload_turn().await?;
        let receipt = undamaged(send).await?;
        drop(turn);
        add(&self.task.tally.uploaded, part.len);
        if receipt.crc64nvme.is_some_and(|crc| crc != sums.crc64nvme) {
            return Err(self.not_equal(&part, "took in"));
        }
        // Checked by the store on the way in; an ETag of another form only means that copies cannot be compared by it.
        if sums.md5.is_some() && receipt.etag.as_md5() != sums.md5 {
            state.md5s_equal.store(false, Ordering::Relaxed);
        }
        Ok((number, receipt))
    }

    async fn copy_part(&self, number: u32, part: Part) -> Result<(u32, PartReceipt), FileError> {
        let (PartSource::Copy { from }, Some(basis), Some(known)) = (part.source, self.basis, self.known) else {
            unreachable!("only a plan from a scan has copies")
        };
        let turn = self.task.context.pace.copy_turn().await?;
        let range = from..from + part.len;
        let receipt = match self.multipart.copy_part(self.upload, number, basis, range).await {
            Ok(receipt) => receipt,
            Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Archived) => {
                return Err(FileError::NotCopied(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        drop(turn);
        let equal = match receipt.crc64nvme {
            Some(crc) => crc == self.crc_of(known, part).await?,
            None => match receipt.etag.as_md5() {
                Some(md5) => Some(md5) == sums_of(self.file, part.offset, part.len, true).await?.md5,
                None => return Err(FileError::NotCopied("it says nothing of what it has copied".to_owned())),
            },
        };
        if !equal {
            return Err(self.not_equal(&part, "copied"));
        }
        add(&self.task.tally.copied, part.len);
        self.task.advance(part.len);
        Ok((number, receipt))
    }

    /// The CRC64NVME that the scan found for the bytes of a part.
    async fn crc_of(&self, known: &Known, part: Part) -> Result<u64, FileError> {
        let (crcs, file) = (Arc::clone(&known.crcs), Arc::clone(self.file));
        blocking(move || crcs.range(part.offset..part.offset + part.len, &*file).map_err(FileError::from_read)).await
    }

    fn not_equal(&self, part: &Part, did: &str) -> FileError {
        let (start, end) = (part.offset, part.offset + part.len);
        FileError::NotEqual(format!(
            "what the store {did} for bytes {start} to {end} of {} is not what the local file has there",
            self.task.url()
        ))
    }
}

/// Whether a part that an upload holds already is the one that the plan wants.
pub(crate) fn is_same(kept: &ListedPart, part: &Part, sums: &Checksums, upload: &Upload) -> bool {
    let equal = if upload.checksummed {
        kept.receipt.crc64nvme == Some(sums.crc64nvme)
    } else {
        sums.md5.is_some() && kept.receipt.etag.as_md5() == sums.md5
    };
    kept.len == part.len && equal
}

/// Reads `len` bytes from `offset` on for a file's task, on the blocking threads.
async fn read_range(
    task: &Task,
    file: &Arc<dyn SourceFile>,
    offset: u64,
    len: u64,
    wanted: Wanted,
) -> Result<ReadRange, FileError> {
    let (file, pool, on_sent) = (Arc::clone(file), Arc::clone(&task.context.pace.buffers), task.on_sent());
    blocking(move || read(&file, &pool, offset, len, wanted, on_sent)).await
}
