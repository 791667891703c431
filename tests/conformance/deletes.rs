//! Objects deleted, one and many.

use hugesync::store::{Doomed, ETag, ErrorKind, MAX_DELETE, ObjectKey, Store as _, StoreError};
use strict_s3::{Fault, FaultAction, StrictS3};

use super::support::{conforms, conforms_as_aws, connect, key};

/// Puts an object and says how to delete it.
fn doomed(double: &StrictS3, name: &str) -> Doomed {
    Doomed { key: key(name), etag: ETag::new(&double.put("bucket", name, name)) }
}

/// Asserts that nothing was refused.
#[track_caller]
fn all_gone(refused: Result<Vec<(ObjectKey, StoreError)>, StoreError>) {
    let refused = refused.expect("an answer");
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn from_none_to_a_thousand() {
    conforms("conformance::deletes::from_none_to_a_thousand", async |store, double| {
        double.put("bucket", "kept", "x");
        for count in [0, 1, 2, MAX_DELETE] {
            let objects: Vec<Doomed> = (0..count).map(|n| doomed(double, &format!("x/{n}"))).collect();
            double.clear_requests();
            all_gone(store.delete(&objects).await);
            assert_eq!(double.keys("bucket"), ["kept"], "{count}");
            assert_eq!(double.requests().len(), count.min(1), "{count}");
        }
    });
}

#[test]
fn what_is_gone_is_no_failure() {
    conforms_as_aws("conformance::deletes::what_is_gone_is_no_failure", async |store, double| {
        let objects = ["a", "b", "c\n"].map(|name| doomed(double, name));
        double.delete("bucket", "a");
        double.delete("bucket", "c\n");
        all_gone(store.delete(&objects).await);
        all_gone(store.delete(&objects[..1]).await);
        assert!(double.keys("bucket").is_empty());
    });
}

/// Each of them deletes itself and not the one that it is close to.
#[test]
fn odd_keys_are_themselves() {
    conforms("conformance::deletes::odd_keys_are_themselves", async |store, double| {
        let odd = [
            "a b",
            " a",
            "a ",
            "a+b",
            "%41",
            "ü/€",
            "\u{1F600}",
            "a&<>\"'",
            "a\nb",
            "a\r\nb",
            "a\tb",
            "a\u{1}b",
            "a\u{7f}b",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{FFFE}b",
            "//a//",
            "a\\b",
            "?x=1#y",
        ];
        for name in ["a", "A", "aü"] {
            double.put("bucket", name, "kept");
        }
        let objects: Vec<Doomed> = odd.iter().map(|name| doomed(double, name)).collect();
        all_gone(store.delete(&objects).await);
        assert_eq!(double.keys("bucket"), ["A", "a", "aü"]);
        assert_eq!(double.count("DeleteObjects"), 1);
        assert!(double.count("DeleteObject") < odd.len(), "those that XML can hold go together");
    });
}

#[test]
fn another_version_stays() {
    conforms_as_aws("conformance::deletes::another_version_stays", async |store, double| {
        let objects = ["a", "b", "c\u{1}", "d\u{1}"].map(|name| doomed(double, name));
        double.put("bucket", "a", "newer");
        double.put("bucket", "c\u{1}", "newer");
        let refused = store.delete(&objects).await.expect("an answer");
        let mut found: Vec<_> = refused.iter().map(|(key, error)| (key.as_str(), error.kind)).collect();
        found.sort_by_key(|(key, _)| *key);
        assert_eq!(found, [("a", ErrorKind::PreconditionFailed), ("c\u{1}", ErrorKind::PreconditionFailed)]);
        assert!(refused.iter().any(|(_, error)| error.to_string().starts_with("DeleteObjects s3://bucket/a: ")));
        assert_eq!(double.keys("bucket"), ["a", "c\u{1}"]);
    });
}

/// A store that is not known to check ETags is not sent any: some refuse the request for it.
#[test]
fn only_aws_is_sent_conditions() {
    conforms("conformance::deletes::only_aws_is_sent_conditions", async |store, double| {
        let objects = ["a", "b", "c\n"].map(|name| doomed(double, name));
        double.put("bucket", "a", "newer");
        all_gone(store.delete(&objects).await);
        assert!(double.keys("bucket").is_empty(), "the caller has to look by itself");
        assert!(double.requests().iter().all(|request| request.header("if-match").is_none()));
    });
}

/// What stores want to have of the body: AWS one of them, older stores the MD5.
#[test]
fn the_list_of_keys_is_checksummed() {
    conforms("conformance::deletes::the_list_of_keys_is_checksummed", async |store, double| {
        all_gone(store.delete(&["a", "b"].map(|name| doomed(double, name))).await);
        let requests = double.requests();
        let request = requests.iter().find(|request| request.kind == "DeleteObjects").expect("a request");
        assert!(request.header("content-md5").is_some() && request.header("x-amz-checksum-crc32").is_some());
    });
}

#[test]
fn a_store_that_deletes_singly_is_asked_once() {
    conforms("conformance::deletes::a_store_that_deletes_singly_is_asked_once", async |_, double| {
        for (status, code) in [(501, "NotImplemented"), (405, "MethodNotAllowed"), (400, "MalformedXML")] {
            let store = connect(double, "bucket").await;
            double.clear_faults();
            double.inject(Fault::next("DeleteObjects", FaultAction::Status(status, code)).times(u64::MAX));
            for _ in 0..2 {
                all_gone(store.delete(&["a", "b", "c"].map(|name| doomed(double, name))).await);
                assert!(double.keys("bucket").is_empty());
            }
            let requests = store.requests();
            assert_eq!((requests.get("DeleteObjects"), requests.get("DeleteObject")), (Some(&1), Some(&6)), "{code}");
        }
    });
}

#[test]
fn each_refusal_has_its_meaning() {
    conforms("conformance::deletes::each_refusal_has_its_meaning", async |store, double| {
        let objects = ["a\n", "b\n"].map(|name| doomed(double, name));
        double.inject(Fault::next("DeleteObject", FaultAction::Status(403, "AccessDenied")));
        let refused = store.delete(&objects).await.expect("an answer");
        assert_eq!(refused.iter().map(|(_, error)| error.kind).collect::<Vec<_>>(), [ErrorKind::AccessDenied]);
        assert_eq!(double.keys("bucket").len(), 1);
        double.inject(Fault::next("DeleteObject", FaultAction::Status(400, "ExpiredToken")));
        let refused = store.delete(&objects).await.expect("an answer");
        assert_eq!(refused.iter().map(|(_, error)| error.kind).collect::<Vec<_>>(), [ErrorKind::ExpiredCredentials]);

        double.inject(Fault::next("DeleteObjects", FaultAction::Status(403, "AccessDenied")));
        let error = store.delete(&["c", "d"].map(|name| doomed(double, name))).await.expect_err("all are refused");
        assert_eq!((error.kind, error.target.as_str()), (ErrorKind::AccessDenied, "s3://bucket"));
    });
}
