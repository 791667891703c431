//! Why nothing could be synced.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::auth::AuthError;
use crate::store::StoreError;
use crate::store::s3::ConnectError;

/// Why nothing could be synced.
#[derive(Debug, Error)]
pub enum AppError {
    /// The source is not there or cannot be read.
    #[error("cannot read the source {}: {source}", .path.display())]
    Source {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is meant, and a slash says that it is a folder.
    #[error("the source {} is a file, but its name ends in a slash", .0.display())]
    FileWithSlash(PathBuf),
    /// Only a folder can lack something.
    #[error("the source {} is a file, and {option} needs a folder", .path.display())]
    NeedsFolder {
        /// The file.
        path: PathBuf,
        /// What is of no use with it.
        option: &'static str,
    },
    /// There is no object of this key, and none below it.
    #[error("there is nothing at {0}")]
    NothingThere(String),
    /// Neither side is a bucket, or both are.
    #[error("{0}")]
    BothSides(&'static str),
    /// The destination cannot be written to.
    #[error("cannot write to the destination {}: {source}", .path.display())]
    Destination {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A folder is to be written where a file is.
    #[error("the destination {} is a file, and the source is a folder", .0.display())]
    FileInTheWay(PathBuf),
    /// Backups would lie where what they are made of lies.
    #[error("the destination lies below the backups' prefix {0:?}")]
    BackupInPlace(String),
    /// The source's name is not UTF-8.
    #[error("the source {} has a name that is not UTF-8, which no object key can hold", .0.display())]
    NotUtf8(PathBuf),
    /// The run was stopped before its first file.
    #[error("interrupted")]
    Interrupted,
    /// There is no client for the store.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There are no credentials.
    #[error(transparent)]
    Auth(#[from] Box<AuthError>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        if let Self::Auth(error) = self {
            return error.hint();
        }
        let hint = match self {
            Self::Connect(ConnectError::NoRegion(_)) => Some("name it with --region, or set AWS_REGION"),
            Self::Connect(ConnectError::BadEndpoint(_)) => Some("write it like https://host:port"),
            Self::Connect(ConnectError::Bundle(_)) => Some("let it name a file of certificates in PEM, or unset it"),
            Self::NeedsFolder { .. } => {
                Some("nothing was done; name the folder that the file lies in, or leave the option out")
            }
            Self::Store(error) => error.kind.hint(),
            Self::NothingThere(_) => Some("check the bucket and the key; 'aws s3 ls' shows what there is"),
            Self::FileInTheWay(_) => Some("name another folder, or move the file away"),
            Self::Destination { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as a user who may write there")
            }
            _ => None,
        };
        hint.map(str::to_owned)
    }
}
