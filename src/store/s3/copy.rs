//! Whole objects copied inside the store.

use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::attributes::with_attributes;
use super::encryption::{encrypted, with_source_key};
use super::error::{lacks, meaning};
use super::whole::condition_headers;
use super::{S3Store, receipt};
use crate::store::{Attributes, Condition, CopySource, ErrorKind, ObjectKey, PartReceipt, StoreError};

/// What stays as it is in a copy source: the unreserved characters of RFC 3986 and the slash.
const KEPT_IN_COPY_SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl S3Store {
    /// The header that names an object as a copy's source.
    pub(super) fn copy_source(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.bucket, utf8_percent_encode(key.as_str(), KEPT_IN_COPY_SOURCE))
    }

    /// [`Store::copy`](crate::store::Store::copy).
    pub(super) async fn copy_whole(
        &self,
        source: &CopySource,
        to: &ObjectKey,
        attributes: Option<&Attributes>,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        let (if_match, if_none_match) = condition_headers(condition);
        let request = self.client.copy_object().bucket(&self.bucket).key(to.as_str());
        let request = with_source_key!(encrypted!(request, &self.encryption), &self.encryption)
            .copy_source(self.copy_source(&source.key))
            .copy_source_if_match(source.etag.quoted())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match);
        let request = match attributes {
            Some(attributes) => {
                self.check_attributes("CopyObject", to, attributes)?;
                // Without tags of its own the copy keeps those of the source, or the store says that it may not read them.
                let tags = if attributes.tags.is_empty() { TaggingDirective::Copy } else { TaggingDirective::Replace };
                with_attributes!(request, attributes)
                    .metadata_directive(MetadataDirective::Replace)
                    .tagging_directive(tags)
            }
            None => request.metadata_directive(MetadataDirective::Copy).tagging_directive(TaggingDirective::Copy),
        };
        let answer = request
            .customize()
            .config_override(Self::patient())
            .mutate_request(without_body)
            .send()
            .await
            .map_err(|error| gone_is_changed(meaning("CopyObject", self.url_of(&source.key), error)))?;
        let object = answer.copy_object_result();
        if object.and_then(|object| object.e_tag()).is_none_or(str::is_empty) {
            return Err(lacks("ETag", "CopyObject", self.url_of(to)));
        }
        Ok(receipt(object.and_then(|object| object.e_tag()), object.and_then(|object| object.checksum_crc64_nvme())))
    }
}

/// Says that a PUT has no body: Ceph 16 answers 411 where the length is not said.
pub(super) fn without_body(request: &mut aws_sdk_s3::config::http::HttpRequest) {
    request.headers_mut().insert("content-length", "0");
}

/// A source that is gone is one that has changed: the version that has to stand there does not.
pub(super) fn gone_is_changed(mut error: StoreError) -> StoreError {
    if error.kind == ErrorKind::NotFound {
        error.kind = ErrorKind::PreconditionFailed;
    }
    error
}
