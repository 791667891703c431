//! The same scenario against the strict double, and against any other server that the environment names.

use std::time::{SystemTime, UNIX_EPOCH};

use super::scenario;
use super::support::Target;

#[test]
fn strict_double() {
    let target = Target::start();
    scenario::scenario(&target);
    assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
}

/// AWS itself, as far as the program can tell: what AWS checks is not checked twice.
#[test]
fn strict_double_as_aws() {
    let target = Target::start_as_aws();
    scenario::scenario(&target);
    assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    let requests = target.double().requests();
    let ours =
        |request: &&strict_s3::RequestRecord| request.header("host").is_some_and(|host| host.contains("amazonaws"));
    assert!(requests.iter().filter(ours).count() > 100, "the program goes to AWS");
    let puts: Vec<_> = requests.iter().filter(ours).filter(|request| request.kind == "PutObject").collect();
    let conditional = |name| puts.iter().any(|request| request.header(name).is_some());
    assert!(conditional("if-match") && conditional("if-none-match"));
}

/// With `HUGESYNC_E2E_ENDPOINT`, `_ACCESS_KEY` and `_SECRET_KEY` set, on that server in a bucket of its own;
/// `HUGESYNC_E2E_NAME` is for messages. Without them there is nothing to test.
#[test]
fn scenario() {
    let setting = |name: &str| std::env::var(format!("HUGESYNC_E2E_{name}")).ok();
    let Some(endpoint) = setting("ENDPOINT") else {
        eprintln!("HUGESYNC_E2E_ENDPOINT is not set: no other server to test with");
        return;
    };
    let keys = setting("ACCESS_KEY").zip(setting("SECRET_KEY"));
    let (access_key, secret_key) = keys.expect("HUGESYNC_E2E_ACCESS_KEY and HUGESYNC_E2E_SECRET_KEY are set");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let bucket = format!("hugesync-e2e-{}-{}", now.as_millis(), std::process::id());
    eprintln!("{} at {endpoint}, bucket {bucket}", setting("NAME").as_deref().unwrap_or("the server"));
    let target = Target::on(endpoint, access_key, secret_key, bucket);
    let (runtime, client) = target.client();
    runtime.block_on(client.create_bucket().bucket(&target.bucket).send()).expect("a bucket");
    scenario::scenario(&target);
    remove(&target);
}

/// Empties the bucket and removes it: the next run has its own.
fn remove(target: &Target) {
    let (runtime, client) = target.client();
    runtime.block_on(async {
        let bucket = &target.bucket;
        let listed = client.list_objects_v2().bucket(bucket).send().await.expect("a listing");
        for object in listed.contents() {
            client.delete_object().bucket(bucket).set_key(object.key.clone()).send().await.expect("it is deleted");
        }
        client.delete_bucket().bucket(bucket).send().await.expect("the bucket is empty");
    });
}
