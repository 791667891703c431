//! Listings: objects (V1, V2), versions, multipart uploads. Keys come in order of their UTF-8 bytes.

use std::ops::Bound;

use s3s::dto::{
    self, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::fields::{checksum_type, etag, owner, signed};
use super::page::{Encoding, Page, page, page_size};
use crate::digest::{decode_token, encode};
use crate::state::{Object, Version};

struct Listed<'a> {
    key: &'a str,
    version: &'a Version,
    object: &'a Object,
}

impl Listed<'_> {
    fn to_object(&self, encoding: Encoding, with_owner: bool) -> dto::Object {
        let checksum = &self.object.checksum;
        dto::Object {
            checksum_algorithm: Some(vec![dto::ChecksumAlgorithm::from_static(checksum.algorithm.name())]),
            checksum_type: Some(checksum_type(checksum)),
            e_tag: Some(etag(&self.object.etag)),
            key: Some(encoding.write(self.key)),
            last_modified: Some(dto::Timestamp::from(self.version.modified)),
            owner: with_owner.then(owner),
            restore_status: None,
            size: Some(signed(self.object.content.len())),
            storage_class: Some(dto::ObjectStorageClass::from(storage_class(self.object))),
        }
    }
}

fn storage_class(object: &Object) -> String {
    object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
}

/// A page of current objects behind `after`.
fn current_objects(
    double: &Double,
    bucket: &str,
    prefix: &str,
    delimiter: Option<&str>,
    after: &str,
    max: usize,
    mut each: impl FnMut(&Listed<'_>) -> dto::Object,
) -> S3Result<Page<dto::Object>> {
    let state = double.state();
    let bucket = state.bucket(bucket)?;
    // Seeking to whichever is later keeps a page's cost independent of what lies before it.
    let start = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
    let entries = bucket.objects.range::<str, _>((start, Bound::Unbounded)).filter_map(|(key, history)| {
        let version = history.last()?;
        let object = version.object.as_deref()?;
        Some((key.as_str(), Listed { key, version, object }))
    });
    let page = page(entries, prefix, delimiter, after, max);
    let entries = page.entries.iter().map(&mut each).collect();
    Ok(Page { entries, prefixes: page.prefixes, truncated: page.truncated, next: page.next })
}

pub(super) async fn objects_v2(
    double: &Double,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let max = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = match &input.continuation_token {
        Some(token) => decode_token(token)
            .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let owner = input.fetch_owner.unwrap_or(false);
    let delimiter = input.delimiter.as_deref();
    let page = current_objects(double, &input.bucket, &prefix, delimiter, &after, max, |listed| {
        listed.to_object(encoding, owner)
    })?;
    let count = i32::try_from(page.entries.len() + page.prefixes.len()).ok();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&prefix)),
        max_keys: i32::try_from(max).ok(),
        key_count: count,
        continuation_token: input.continuation_token,
        is_truncated: Some(page.truncated),
        next_continuation_token: page.next.map(|next| encode(next.as_bytes())),
        common_prefixes: encoding.prefixes(&page.prefixes),
        contents: (!page.entries.is_empty()).then_some(page.entries),
        delimiter: encoding.write_opt(input.delimiter.as_ref()),
        encoding_type: input.encoding_type,
        start_after: encoding.write_opt(input.start_after.as_ref()),
        ..Default::default()
    }))
}

pub(super) async fn objects_v1(
    double: &Double,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let max = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.marker.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let page = current_objects(double, &input.bucket, &prefix, delimiter, &after, max, |listed| {
        listed.to_object(encoding, true)
    })?;
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&prefix)),
        marker: Some(encoding.write(&after)),
        max_keys: i32::try_from(max).ok(),
        is_truncated: Some(page.truncated),
        // V1 gives it only with a delimiter; without one the last key serves (API reference, "ListObjects").
        next_marker: page.next.filter(|_| input.delimiter.is_some()).map(|next| encoding.write(&next)),
        common_prefixes: encoding.prefixes(&page.prefixes),
        contents: (!page.entries.is_empty()).then_some(page.entries),
        delimiter: encoding.write_opt(input.delimiter.as_ref()),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub(super) async fn versions(
    double: &Double,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let max = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.version_id_marker.clone();
    if id_marker.is_some() && key_marker.is_empty() {
        return Err(s3_error!(InvalidArgument, "A version-id marker cannot be specified without a key marker."));
    }
    let state = double.state();
    let bucket = state.bucket(&input.bucket)?;
    let entries = bucket.objects.range(key_marker.clone()..).flat_map(|(key, history)| {
        let newest = history.last().map(|version| &*version.id);
        // Newest first; at the marker's key only what is behind the marker's version.
        let mut rest: Vec<&Version> = history.iter().rev().collect();
        if *key == key_marker {
            let behind = id_marker.as_ref().and_then(|id| rest.iter().position(|version| version.id == *id));
            rest.drain(..behind.map_or(rest.len(), |at| at + 1));
        }
        rest.into_iter().map(move |version| (key.as_str(), (key, version, newest == Some(&*version.id))))
    });
    let page = page(entries, &prefix, input.delimiter.as_deref(), &key_marker, max);
    let next_version = page.entries.last().filter(|_| page.truncated).map(|(_, version, _)| version.id.to_string());
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for (key, version, latest) in page.entries {
        let modified = Some(dto::Timestamp::from(version.modified));
        match &version.object {
            Some(object) => versions.push(dto::ObjectVersion {
                e_tag: Some(etag(&object.etag)),
                is_latest: Some(latest),
                key: Some(encoding.write(key)),
                last_modified: modified,
                owner: Some(owner()),
                size: Some(signed(object.content.len())),
                storage_class: Some(dto::ObjectVersionStorageClass::from(storage_class(object))),
                version_id: Some(version.id.to_string()),
                ..Default::default()
            }),
            None => markers.push(dto::DeleteMarkerEntry {
                is_latest: Some(latest),
                key: Some(encoding.write(key)),
                last_modified: modified,
                owner: Some(owner()),
                version_id: Some(version.id.to_string()),
            }),
        }
    }
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(&prefix)),
        key_marker: Some(encoding.write(&key_marker)),
        version_id_marker: input.version_id_marker,
        max_keys: i32::try_from(max).ok(),
        is_truncated: Some(page.truncated),
        next_key_marker: page.next.map(|next| encoding.write(&next)),
        next_version_id_marker: next_version,
        common_prefixes: encoding.prefixes(&page.prefixes),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        delimiter: encoding.write_opt(input.delimiter.as_ref()),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub(super) async fn uploads(
    double: &Double,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let max = page_size(input.max_uploads)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.clone().filter(|_| !key_marker.is_empty());
    let state = double.state();
    let bucket = state.bucket(&input.bucket)?;
    // Without an id marker the whole of the marker's key is behind us; with it, what was created up to that upload.
    let passed = id_marker.as_ref().map(|id| {
        let hex = id.split('-').next().unwrap_or_default();
        u64::from_str_radix(hex, 16).unwrap_or(u64::MAX)
    });
    let behind = (key_marker.clone(), passed.unwrap_or(if key_marker.is_empty() { 0 } else { u64::MAX }));
    let entries = bucket
        .uploads
        .range((Bound::Excluded(behind), Bound::Unbounded))
        .map(|((key, _), upload)| (key.as_str(), (key, upload)));
    let page = page(entries, &prefix, input.delimiter.as_deref(), &key_marker, max);
    let next_id = page.entries.last().filter(|_| page.truncated).map(|(_, upload)| upload.id.clone());
    let listed = page.entries.into_iter().map(|(key, upload)| dto::MultipartUpload {
        checksum_algorithm: upload.checksum.map(|(a, _)| dto::ChecksumAlgorithm::from_static(a.name())),
        checksum_type: upload.checksum.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
        initiated: Some(dto::Timestamp::from(upload.initiated)),
        initiator: Some(dto::Initiator { display_name: owner().display_name, id: owner().id }),
        key: Some(encoding.write(key)),
        owner: Some(owner()),
        storage_class: Some(dto::StorageClass::from(
            upload.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
        )),
        upload_id: Some(upload.id.clone()),
    });
    let listed: Vec<_> = listed.collect();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        common_prefixes: encoding.prefixes(&page.prefixes),
        delimiter: encoding.write_opt(input.delimiter.as_ref()),
        encoding_type: input.encoding_type,
        is_truncated: Some(page.truncated),
        key_marker: Some(encoding.write(&key_marker)),
        max_uploads: i32::try_from(max).ok(),
        next_key_marker: page.next.map(|next| encoding.write(&next)),
        next_upload_id_marker: next_id,
        prefix: Some(encoding.write(&prefix)),
        upload_id_marker: input.upload_id_marker,
        uploads: (!listed.is_empty()).then_some(listed),
        ..Default::default()
    }))
}
