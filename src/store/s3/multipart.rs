//! Objects out of parts.

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, EncodingType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::attributes::with_attributes;
use super::copy::{gone_is_changed, without_body};
use super::encryption::{encrypted, with_customer_key, with_source_key};
use super::error::{lacks, meaning};
use super::whole::condition_headers;
use super::{S3Store, body, crc_from_header, crc_to_header, receipt, url_decoded};
use crate::stitch::{CostModel, PartLimits};
use crate::store::{
    Attributes, Condition, Copies, CopySource, ETag, ErrorKind, ListedPart, MultipartStore, ObjectKey, PartReceipt,
    Payload, StoreError, Upload, WholeObject,
};

/// S3 user guide, "Multipart upload limits": parts of 5 MiB to 5 GiB, at most 10,000 of them, objects up to 50 TB (48.8 TiB).
const LIMITS: PartLimits = PartLimits {
    min_part: 5 << 20,
    max_part: 5 << 30,
    max_parts: 10_000,
    max_object: 10_000 * (5 << 30),
    equal_parts: false,
};
/// A copy runs at some 65 MiB/s a request, so long ones are cut (docs/S3.md); an uploaded part lies in memory while it is
/// sent, so it is short.
const COSTS: CostModel = CostModel { copy_part: 128 << 20, upload_part: 8 << 20, align: 1 << 20 };

#[async_trait]
impl MultipartStore for S3Store {
    fn limits(&self) -> PartLimits {
        LIMITS
    }

    fn costs(&self) -> CostModel {
        COSTS
    }

    fn copies(&self) -> Copies {
        self.wire.make().copies()
    }

    async fn create(&self, key: &ObjectKey, attributes: &Attributes) -> Result<Upload, StoreError> {
        self.check_attributes("CreateMultipartUpload", key, attributes)?;
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key.as_str());
        let answer = encrypted!(with_attributes!(request, attributes), &self.encryption)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .send()
            .await
            .map_err(|error| meaning("CreateMultipartUpload", self.url_of(key), error))?;
        let Some(id) = answer.upload_id().filter(|id| !id.is_empty()) else {
            return Err(lacks("UploadId", "CreateMultipartUpload", self.url_of(key)));
        };
        Ok(Upload {
            key: key.clone(),
            id: id.to_owned(),
            // A store that does not know the header does not answer with it.
            checksummed: answer.checksum_algorithm() == Some(&ChecksumAlgorithm::Crc64Nvme),
            initiated: None,
        })
    }

    async fn upload_part(&self, upload: &Upload, number: u32, payload: Payload) -> Result<PartReceipt, StoreError> {
        let crc = upload.checksummed.then(|| crc_to_header(payload.checksums.crc64nvme));
        let request = self.client.upload_part().bucket(&self.bucket).key(upload.key.as_str()).upload_id(&upload.id);
        let time = self.sending(payload.len());
        let answer = with_customer_key!(request, &self.encryption)
            .part_number(number as i32)
            .content_length(payload.len() as i64)
            .set_checksum_crc64_nvme(crc)
            .set_content_md5(payload.checksums.md5.map(|md5| BASE64_STANDARD.encode(md5)))
            .body(body::stream(payload, self.bandwidth.as_ref()))
            .customize()
            .config_override(time)
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| meaning("UploadPart", self.url_of(&upload.key), error))?;
        Ok(receipt(answer.e_tag(), answer.checksum_crc64_nvme()))
    }

    async fn copy_part(
        &self,
        upload: &Upload,
        number: u32,
        source: &CopySource,
        range: Range<u64>,
    ) -> Result<PartReceipt, StoreError> {
        let request =
            self.client.upload_part_copy().bucket(&self.bucket).key(upload.key.as_str()).upload_id(&upload.id);
        let request = with_source_key!(with_customer_key!(request, &self.encryption), &self.encryption);
        let answer = request
            .part_number(number as i32)
            .copy_source(self.copy_source(&source.key))
            .copy_source_if_match(source.etag.quoted())
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .customize()
            .config_override(Self::patient())
            .mutate_request(without_body)
            .send()
            .await
            .map_err(|error| {
                let mut error = gone_is_changed(meaning("UploadPartCopy", self.url_of(&source.key), error));
                if error.kind == ErrorKind::Unsupported {
                    self.wire.make().has_refused();
                }
                if error.kind == ErrorKind::Other {
                    // 400 InvalidRequest "not supported as a byte-range copy source", and what look-alikes say instead.
                    error.kind = ErrorKind::Unsupported;
                }
                error
            })?;
        self.wire.make().has_copied();
        let part = answer.copy_part_result();
        if part.and_then(|part| part.e_tag()).is_none_or(str::is_empty) {
            return Err(lacks("ETag", "UploadPartCopy", self.url_of(&source.key)));
        }
        Ok(receipt(part.and_then(|part| part.e_tag()), part.and_then(|part| part.checksum_crc64_nvme())))
    }

    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartReceipt],
        whole: WholeObject,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        let (if_match, if_none_match) = condition_headers(condition);
        let parts = (1..).zip(parts).map(|(number, part)| {
            CompletedPart::builder()
                .part_number(number)
                .e_tag(part.etag.quoted())
                .set_checksum_crc64_nvme(part.crc64nvme.filter(|_| upload.checksummed).map(crc_to_header))
                .build()
        });
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(upload.key.as_str());
        let mut request = with_customer_key!(request, &self.encryption)
            .upload_id(&upload.id)
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build());
        if upload.checksummed {
            // The value without the type is refused even when it is right (recorded on AWS).
            request = request
                .checksum_crc64_nvme(crc_to_header(whole.crc64nvme))
                .checksum_type(ChecksumType::FullObject)
                .mpu_object_size(whole.len as i64);
        }
        let answer = request
            .customize()
            .config_override(Self::patient())
            .send()
            .await
            .map_err(|error| meaning("CompleteMultipartUpload", self.url_of(&upload.key), error))?;
        Ok(receipt(answer.e_tag(), answer.checksum_crc64_nvme()))
    }

    async fn abort(&self, upload: &Upload) -> Result<(), StoreError> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(upload.key.as_str());
        match request.upload_id(&upload.id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match meaning("AbortMultipartUpload", self.url_of(&upload.key), error) {
                error if matches!(error.kind, ErrorKind::NoSuchUpload | ErrorKind::NotFound) => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn uploads(&self, key: &ObjectKey) -> Result<Vec<Upload>, StoreError> {
        let mut uploads = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(key.as_str())
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker)
                .send()
                .await
                .map_err(|error| meaning("ListMultipartUploads", self.url_of(key), error))?;
            let decoded = |key: &str| match page.encoding_type() {
                Some(EncodingType::Url) => url_decoded(key),
                _ => key.to_owned(),
            };
            let of_key =
                page.uploads().iter().filter(|upload| upload.key().is_some_and(|found| decoded(found) == key.as_str()));
            uploads.extend(of_key.filter_map(|upload| {
                Some(Upload {
                    key: key.clone(),
                    id: upload.upload_id()?.to_owned(),
                    checksummed: upload.checksum_algorithm() == Some(&ChecksumAlgorithm::Crc64Nvme)
                        && upload.checksum_type() == Some(&ChecksumType::FullObject),
                    initiated: upload.initiated().map(aws_sdk_s3::primitives::DateTime::secs),
                })
            }));
            // Sorted by key: behind the key itself come only longer ones.
            let next = page.next_key_marker().map(decoded);
            let beyond = next.as_deref().is_none_or(|next| next > key.as_str());
            if page.is_truncated() != Some(true) || beyond {
                return Ok(uploads);
            }
            key_marker = next;
            id_marker = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    async fn parts(&self, upload: &Upload) -> Result<Vec<ListedPart>, StoreError> {
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let request = self.client.list_parts().bucket(&self.bucket).key(upload.key.as_str()).upload_id(&upload.id);
            let page = with_customer_key!(request, &self.encryption)
                .set_part_number_marker(marker)
                .send()
                .await
                .map_err(|error| meaning("ListParts", self.url_of(&upload.key), error))?;
            parts.extend(page.parts().iter().filter_map(|part| {
                Some(ListedPart {
                    number: u32::try_from(part.part_number()?).ok()?,
                    len: u64::try_from(part.size()?).ok()?,
                    receipt: PartReceipt {
                        etag: ETag::new(part.e_tag()?),
                        crc64nvme: crc_from_header(part.checksum_crc64_nvme()),
                    },
                })
            }));
            marker = page.next_part_number_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || marker.is_none() {
                return Ok(parts);
            }
        }
    }
}
