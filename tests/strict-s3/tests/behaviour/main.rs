//! Drives the double over HTTP with the AWS SDK. Each test's comment names the source of the behaviour it pins down.
//!
//! "docs/S3.md" is what was recorded on AWS and collected from its documentation; "API" is the API reference page of
//! the operation; "guide" the user guide's page.

mod checksums;
mod conditions;
mod credentials;
mod faults;
mod imitations;
mod listing;
mod multipart;
mod objects;
mod versions;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig, retry::RetryConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::upload_part_copy::builders::UploadPartCopyFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use strict_s3::{Limits, StrictS3};

/// A server that takes parts from 16 bytes on, with bucket `b`, and a client of it that never retries.
struct Setup {
    server: StrictS3,
    client: Client,
}

const B: &str = "bucket";
/// An ETag that nothing has.
const OTHER: &str = "\"00000000000000000000000000000000\"";

fn small() -> Limits {
    Limits { min_part: 16, ..Limits::aws() }
}

fn setup() -> Setup {
    setup_as(small())
}

fn setup_as(limits: Limits) -> Setup {
    let server = StrictS3::builder().bucket(B).limits(limits).start().expect("starts");
    let client = client(&server, RetryConfig::disabled());
    Setup { server, client }
}

fn client(server: &StrictS3, retries: RetryConfig) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(server.endpoint())
        .region(Region::new(strict_s3::REGION))
        .credentials_provider(Credentials::new(server.access_key(), server.secret_key(), None, None, "test"))
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .build();
    Client::from_conf(config)
}

/// `"200"`, or status and code of the error.
fn code<T, E>(result: Result<T, SdkError<E>>) -> String
where
    SdkError<E>: ProvideErrorMetadata,
{
    match result {
        Ok(_) => "200".to_owned(),
        Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
            Some(status) => format!("{status} {}", error.code().unwrap_or("-")),
            None => "no answer".to_owned(),
        },
    }
}

/// `len` bytes that differ from place to place.
fn data(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) + 1;
    let next = std::iter::from_fn(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Some((state >> 56) as u8)
    });
    next.take(len).collect()
}

fn part_of(number: i32, etag: &str) -> CompletedPart {
    CompletedPart::builder().part_number(number).e_tag(etag).build()
}

impl Setup {
    async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let body = ByteStream::from(body.into());
        let answer = self.client.put_object().bucket(B).key(key).body(body).send().await.expect("put");
        answer.e_tag.expect("etag")
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        let answer = self.client.get_object().bucket(B).key(key).send().await.expect("get");
        answer.body.collect().await.expect("body").to_vec()
    }

    async fn create(&self, key: &str) -> String {
        let answer = self.client.create_multipart_upload().bucket(B).key(key).send().await.expect("create");
        answer.upload_id.expect("upload id")
    }

    async fn part(&self, key: &str, id: &str, number: i32, body: impl Into<Vec<u8>>) -> String {
        let upload = self.client.upload_part().bucket(B).key(key).upload_id(id).part_number(number);
        let answer = upload.body(ByteStream::from(body.into())).send().await.expect("part");
        answer.e_tag.expect("etag")
    }

    fn copy(&self, key: &str, id: &str, number: i32, source: &str) -> UploadPartCopyFluentBuilder {
        let copy = self.client.upload_part_copy().bucket(B).key(key).upload_id(id).part_number(number);
        copy.copy_source(format!("{B}/{source}"))
    }

    fn complete(&self, key: &str, id: &str, parts: Vec<CompletedPart>) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.client.complete_multipart_upload().bucket(B).key(key).upload_id(id).multipart_upload(parts)
    }

    /// An upload of one short part, ready to be completed.
    async fn one_part(&self, key: &str) -> (String, Vec<CompletedPart>) {
        let id = self.create(key).await;
        let etag = self.part(key, &id, 1, "new").await;
        (id, vec![part_of(1, &etag)])
    }
}
