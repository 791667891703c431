//! Objects deleted, many in one request where the store and the keys allow it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::delete_objects::DeleteObjectsError;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt as _;
use md5::{Digest as _, Md5};

use super::S3Store;
use super::error::{meaning, meaning_of_one};
use crate::store::{Doomed, ErrorKind, ObjectKey, StoreError};

/// Requests at once where each deletes one object.
const SINGLE_DELETES: usize = 16;

impl S3Store {
    /// [`Store::delete`](crate::store::Store::delete).
    pub(super) async fn delete_all(&self, doomed: &[Doomed]) -> Result<Vec<(ObjectKey, StoreError)>, StoreError> {
        if doomed.is_empty() {
            return Ok(Vec::new());
        }
        let (mut together, mut singly): (Vec<&Doomed>, Vec<&Doomed>) =
            doomed.iter().partition(|object| survives_xml(object.key.as_str()));
        let mut failed = Vec::new();
        if self.deletes_singly.load(Ordering::Relaxed) || together.len() < 2 {
            singly.append(&mut together);
        } else {
            match self.delete_together(&together).await? {
                Some(refused) => {
                    for (object, error) in refused {
                        // The SDK tries a request again, but not one of its objects.
                        match error.kind {
                            ErrorKind::Throttled | ErrorKind::Unavailable => singly.push(object),
                            _ => failed.push((object.key.clone(), error)),
                        }
                    }
                }
                None => {
                    self.deletes_singly.store(true, Ordering::Relaxed);
                    singly.append(&mut together);
                }
            }
        }
        let requests: Vec<_> = singly.into_iter().map(|object| self.delete_one(object)).collect();
        let refused: Vec<_> = futures::stream::iter(requests).buffer_unordered(SINGLE_DELETES).collect().await;
        failed.extend(refused.into_iter().flatten());
        Ok(failed)
    }

    /// Deletes with one request and returns what was refused; `None` where the store does not know how.
    async fn delete_together<'a>(
        &self,
        doomed: &[&'a Doomed],
    ) -> Result<Option<Vec<(&'a Doomed, StoreError)>>, StoreError> {
        let target = || format!("s3://{}", self.bucket);
        let objects = doomed.iter().map(|object| {
            let object = ObjectIdentifier::builder().key(object.key.as_str()).set_e_tag(self.only_if(object));
            object.build().expect("it has a key")
        });
        // Quiet: the answer names failures only.
        let delete = Delete::builder().set_objects(Some(objects.collect())).quiet(true);
        let request = self.client.delete_objects().bucket(&self.bucket).delete(delete.build().expect("it has objects"));
        let answer = match request.customize().mutate_request(with_md5).send().await {
            Ok(answer) => answer,
            Err(error) if is_unknown(&error) => return Ok(None),
            Err(error) => return Err(meaning("DeleteObjects", target(), error)),
        };
        let by_key: BTreeMap<&str, &Doomed> = doomed.iter().map(|&object| (object.key.as_str(), object)).collect();
        let mut refused = Vec::new();
        for error in answer.errors() {
            let meaning = |target| {
                let (code, text) = (error.code().unwrap_or("no code"), error.message().unwrap_or_default());
                meaning_of_one("DeleteObjects", target, code, text)
            };
            match error.key().and_then(|key| by_key.get(key)) {
                Some(object) => refused.push((*object, meaning(self.url_of(&object.key)))),
                // Nobody can tell which object stands yet.
                None => return Err(meaning(target())),
            }
        }
        refused.retain(|(_, error)| error.kind != ErrorKind::NotFound);
        Ok(Some(refused))
    }

    /// Deletes one object; `Some` where the store refused. What would be refused for every object is an error.
    async fn delete_one(&self, doomed: &Doomed) -> Option<(ObjectKey, StoreError)> {
        let request = self.client.delete_object().bucket(&self.bucket).key(doomed.key.as_str());
        let Err(error) = request.set_if_match(self.only_if(doomed)).send().await else { return None };
        let error = meaning("DeleteObject", self.url_of(&doomed.key), error);
        match error.kind {
            ErrorKind::NotFound => None,
            _ => Some((doomed.key.clone(), error)),
        }
    }

    /// The condition of a delete. Stores that do not know it refuse the request, ignore it, or take another ETag in it for
    /// a failure, so only those get it that are known to check it.
    fn only_if(&self, doomed: &Doomed) -> Option<String> {
        self.wire.is_aws().then(|| doomed.etag.quoted())
    }
}

/// Whether a key arrives as it is in an XML document, whoever reads it: XML 1.0 has no control characters but tabs and
/// line ends (section 2.2), parsers change line ends, and some cut white space off the ends of a text.
fn survives_xml(key: &str) -> bool {
    let is_lost = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{FFFE}' | '\u{FFFF}');
    !key.contains(is_lost) && key.trim() == key
}

/// Adds the MD5 of the body. The SDK sends a CRC32, which AWS takes and older stores do not know: they want this one.
fn with_md5(request: &mut HttpRequest) {
    let md5 = request.body().bytes().map(|body| BASE64_STANDARD.encode(Md5::digest(body)));
    if let Some(md5) = md5 {
        request.headers_mut().insert("content-md5", md5);
    }
}

/// Whether a store does not know the request at all.
fn is_unknown(error: &SdkError<DeleteObjectsError, HttpResponse>) -> bool {
    let Some(status) = error.raw_response().map(|answer| answer.status().as_u16()) else { return false };
    matches!(status, 405 | 501) || (status == 400 && error.code() == Some("MalformedXML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_kept_out_of_xml() {
        for key in ["a b", "ünï/€", "%41&<>\"'", "\u{1F600}", "a\u{A0}b"] {
            assert!(survives_xml(key), "{key:?}");
        }
        for key in ["a\u{1}", "a\nb", "a\rb", "a\tb", "\u{85}", "\u{2028}", "\u{FFFE}", " a", "a ", "a\u{A0}"] {
            assert!(!survives_xml(key), "{key:?}");
        }
    }
}
