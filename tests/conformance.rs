//! The contract of the store traits, run against the S3 store over the strict double.
//!
//! Each contract takes `&dyn Store`, so that every store can run it. What `elsewhere` holds runs on any other server too.

mod conformance {
    mod attributes;
    mod copies;
    mod deletes;
    mod elsewhere;
    mod encryption;
    mod listings;
    mod multipart;
    mod objects;
    mod support;
}
