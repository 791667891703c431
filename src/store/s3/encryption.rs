//! How objects are encrypted at rest: what is asked of the store, its headers, and whether an object has it.
//!
//! It encrypts nothing itself.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use thiserror::Error;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ServerSideEncryption;

/// The only algorithm of customer keys (S3 user guide, "Using server-side encryption with customer-provided keys").
pub(super) const CUSTOMER_ALGORITHM: &str = "AES256";
/// The header that carries a customer key, and the one that carries that of a copy's source.
pub(super) const CUSTOMER_KEY_HEADERS: [&str; 2] =
    ["x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key"];

/// How a store is to encrypt what is written to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket is set up; nothing is asked for.
    #[default]
    BucketDefault,
    /// With keys of the store (SSE-S3).
    S3,
    /// With a key of the key management service (SSE-KMS).
    Kms {
        /// The key's id, ARN or alias; `None` is the account's own key for S3.
        key_id: Option<String>,
        /// Whether the bucket's key stands between, which saves requests to the service.
        bucket_key: bool,
    },
    /// With a key that every request brings along (SSE-C): whoever loses it loses the objects.
    Customer(CustomerKey),
}

/// A customer's key of 256 bits. It is not shown in messages.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey([u8; 32]);

/// Why bytes are no customer key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadCustomerKey {
    /// It has another length than 256 bits.
    #[error("a customer key has 32 bytes, not {0}")]
    Length(usize),
    /// The text does not decode.
    #[error("the customer key is not base64")]
    NotBase64,
}

impl CustomerKey {
    /// The key of these 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key in a slice of 32 bytes, as a file holds it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadCustomerKey> {
        bytes.try_into().map(Self).map_err(|_| BadCustomerKey::Length(bytes.len()))
    }

    /// The key in 44 characters of base64; white space around them is left out.
    pub fn from_base64(text: &str) -> Result<Self, BadCustomerKey> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| BadCustomerKey::NotBase64)?;
        Self::from_bytes(&bytes)
    }

    /// The key as its header holds it.
    pub(super) fn header(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// Its MD5 as the header holds it, by which the store knows that it arrived whole.
    pub(super) fn md5_header(&self) -> String {
        BASE64_STANDARD.encode(Md5::digest(self.0))
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(..)")
    }
}

impl Encryption {
    /// The key that every request for an object has to bring along.
    pub(super) fn customer_key(&self) -> Option<&CustomerKey> {
        if let Self::Customer(key) = self { Some(key) } else { None }
    }

    /// The algorithm to ask for, where one is asked for by name.
    pub(super) fn algorithm(&self) -> Option<ServerSideEncryption> {
        match self {
            Self::BucketDefault | Self::Customer(_) => None,
            Self::S3 => Some(ServerSideEncryption::Aes256),
            Self::Kms { .. } => Some(ServerSideEncryption::AwsKms),
        }
    }

    /// The KMS key to ask for.
    pub(super) fn kms_key(&self) -> Option<String> {
        if let Self::Kms { key_id, .. } = self { key_id.clone() } else { None }
    }

    /// Whether to ask for the bucket's key. Where it is not wanted nothing is said: the bucket may be set up to use it.
    pub(super) fn bucket_key(&self) -> Option<bool> {
        if let Self::Kms { bucket_key, .. } = self { bucket_key.then_some(true) } else { None }
    }

    /// Whether an object is encrypted in another way than this, as far as HEAD tells.
    pub(super) fn differs(&self, head: &HeadObjectOutput) -> bool {
        let algorithm = head.server_side_encryption();
        match self {
            Self::BucketDefault => false,
            Self::S3 => algorithm != Some(&ServerSideEncryption::Aes256),
            Self::Kms { key_id, .. } => {
                algorithm != Some(&ServerSideEncryption::AwsKms)
                    || key_id.as_deref().is_some_and(|asked| !is_same_kms_key(asked, head.ssekms_key_id()))
            }
            Self::Customer(key) => head.sse_customer_key_md5() != Some(key.md5_header().as_str()),
        }
    }
}

/// Whether a store's name of a KMS key, which is an ARN on AWS, means the key that was asked for. Only the service knows
/// what an alias stands for, so an alias is taken to be the same.
fn is_same_kms_key(asked: &str, found: Option<&str>) -> bool {
    let is_alias = asked.starts_with("alias/") || asked.contains(":alias/");
    let id = |name: &str| name.rsplit_once("key/").map_or(name, |(_, id)| id).to_owned();
    is_alias || found.is_some_and(|found| found == asked || is_arn(found) != is_arn(asked) && id(found) == id(asked))
}

fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

/// Asks for the encryption of what a request writes.
macro_rules! encrypted {
    ($request:expr, $encryption:expr) => {{
        let encryption: &$crate::store::s3::Encryption = $encryption;
        let request = $request
            .set_server_side_encryption(encryption.algorithm())
            .set_ssekms_key_id(encryption.kms_key())
            .set_bucket_key_enabled(encryption.bucket_key());
        $crate::store::s3::encryption::with_customer_key!(request, encryption)
    }};
}

/// Gives a request the customer key of the object that it is about.
macro_rules! with_customer_key {
    ($request:expr, $encryption:expr) => {{
        let key = $encryption.customer_key();
        $request
            .set_sse_customer_algorithm(key.map(|_| $crate::store::s3::encryption::CUSTOMER_ALGORITHM.to_owned()))
            .set_sse_customer_key(key.map($crate::store::s3::CustomerKey::header))
            .set_sse_customer_key_md5(key.map($crate::store::s3::CustomerKey::md5_header))
    }};
}

/// Gives a request the customer key of the object that it copies.
macro_rules! with_source_key {
    ($request:expr, $encryption:expr) => {{
        let key = $encryption.customer_key();
        let algorithm = key.map(|_| $crate::store::s3::encryption::CUSTOMER_ALGORITHM.to_owned());
        $request
            .set_copy_source_sse_customer_algorithm(algorithm)
            .set_copy_source_sse_customer_key(key.map($crate::store::s3::CustomerKey::header))
            .set_copy_source_sse_customer_key_md5(key.map($crate::store::s3::CustomerKey::md5_header))
    }};
}

pub(super) use {encrypted, with_customer_key, with_source_key};

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn head(algorithm: ServerSideEncryption, key: Option<&str>) -> HeadObjectOutput {
        HeadObjectOutput::builder().server_side_encryption(algorithm).set_ssekms_key_id(key.map(str::to_owned)).build()
    }

    #[test]
    fn a_key_does_not_show() {
        let key = CustomerKey::from_base64(" MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").expect("a key");
        assert_eq!(key, CustomerKey::new(*b"01234567890123456789012345678901"));
        let shown = format!("{:?}", Encryption::Customer(key.clone()));
        assert_eq!(shown, "Customer(CustomerKey(..))");
        assert_eq!(key.header(), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        assert_eq!(key.md5_header(), BASE64_STANDARD.encode(Md5::digest(b"01234567890123456789012345678901")));
    }

    #[test]
    fn other_lengths_are_no_keys() {
        assert_eq!(CustomerKey::from_bytes(&[0; 31]), Err(BadCustomerKey::Length(31)));
        assert_eq!(CustomerKey::from_base64("AAAA"), Err(BadCustomerKey::Length(3)));
        assert_eq!(CustomerKey::from_base64("no key"), Err(BadCustomerKey::NotBase64));
    }

    #[test]
    fn kms_keys_are_known_by_their_ids() {
        assert!(is_same_kms_key(ID, Some(ARN)) && is_same_kms_key(ARN, Some(ARN)) && is_same_kms_key(ID, Some(ID)));
        assert!(is_same_kms_key(ARN, Some(ID)), "some stores answer with the bare id");
        assert!(is_same_kms_key("alias/backup", Some(ARN)));
        assert!(is_same_kms_key("arn:aws:kms:eu-west-1:111122223333:alias/backup", Some(ARN)));
        assert!(!is_same_kms_key("9999abcd-12ab-34cd-56ef-1234567890ab", Some(ARN)));
        assert!(!is_same_kms_key("567890ab", Some(ARN)), "the end of an id is not the id");
        assert!(!is_same_kms_key(&ARN.replace("eu-west-1", "us-east-1"), Some(ARN)));
        assert!(!is_same_kms_key(ID, None));
    }

    #[test]
    fn an_object_with_other_encryption_is_noticed() {
        let (s3, kms) = (head(ServerSideEncryption::Aes256, None), head(ServerSideEncryption::AwsKms, Some(ARN)));
        let nothing = HeadObjectOutput::builder().build();
        let key = CustomerKey::new([7; 32]);
        let customer = HeadObjectOutput::builder().sse_customer_key_md5(key.md5_header()).build();
        let asked_kms = |id: Option<&str>| Encryption::Kms { key_id: id.map(str::to_owned), bucket_key: false };
        let rows = [
            (Encryption::BucketDefault, [false, false, false, false]),
            (Encryption::S3, [false, true, true, true]),
            (asked_kms(None), [true, false, true, true]),
            (asked_kms(Some(ID)), [true, false, true, true]),
            (asked_kms(Some("other")), [true, true, true, true]),
            (Encryption::Customer(key), [true, true, false, true]),
            (Encryption::Customer(CustomerKey::new([8; 32])), [true, true, true, true]),
        ];
        for (asked, expected) in rows {
            let found = [&s3, &kms, &customer, &nothing].map(|head| asked.differs(head));
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}
