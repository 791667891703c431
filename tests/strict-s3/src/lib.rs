//! A strict S3 double for tests: it serves the S3 API over HTTP and is demanding where emulators are lax.
//!
//! Small parts are refused at Complete, conditions are checked under one lock, checksums of stitched objects are
//! verified, ETags are real: what was recorded on AWS (docs/S3.md) or stands in the API reference, and each such
//! behaviour has a test that names its source. Objects are lists of extents of immutable files, so a copied part
//! costs nothing and no object lives in memory. Requests are recorded with their bytes; faults come on order.
//!
//! Not a store: nothing survives the process, there is one account, and TLS, policies, ACLs and STS are missing.
//!
//! ```no_run
//! use strict_s3::{Fault, FaultAction, Limits, StrictS3};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = StrictS3::builder().bucket("bucket").limits(Limits::aws()).start()?;
//! server.put("bucket", "key", "the old version");
//! server.inject(Fault::next("UploadPart", FaultAction::Status(503, "SlowDown")).nth(3));
//! println!("{} {} {}", server.endpoint(), server.access_key(), server.secret_key());
//! // .. run the client ..
//! assert_eq!(server.count("UploadPart"), 4);
//! println!("{} bytes came in", server.traffic().bytes_in);
//! # Ok(())
//! # }
//! ```

mod access;
mod content;
mod digest;
mod fault;
mod front;
mod limits;
mod ops;
mod record;
mod server;
mod state;

pub use digest::{Algorithm, Checksum, Kind};
pub use fault::{Fault, FaultAction};
pub use limits::{Conditions, Limits};
pub use record::{RequestRecord, Traffic};
pub use server::{Builder, ObjectView, StrictS3, UploadView};

/// The only region there is.
pub const REGION: &str = "us-east-1";
