//! Listings: whole, in order, from anywhere.

use std::collections::BTreeSet;

use hugesync::store::{ListEntry, ListFrom, Store};

use super::support::conforms;

#[test]
fn listings_are_whole_and_in_order() {
    conforms("conformance::listings::listings_are_whole_and_in_order", async |store, double| {
        let mut keys: BTreeSet<String> = (0..1100).map(|n| format!("p/{n:04}")).collect();
        keys.extend(["p/a b", "p/ü", "p/+", "p/%41", "p/&", "p/z\nz", "p/\u{1F600}", "p/\u{FFFD}"].map(str::to_owned));
        for key in &keys {
            double.put("bucket", key, key);
        }
        double.put("bucket", "p", "no prefix");
        double.put("bucket", "q/x", "another");
        let (found, pages) = listed(store, "p/", ListFrom::Start).await;
        assert!(pages > 1, "all on one page");
        assert_eq!(found.iter().map(|entry| &entry.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        assert!(found.iter().all(|entry| entry.len == entry.key.len() as u64 && entry.etag.as_md5().is_some()));
        assert!(found.iter().all(|entry| entry.modified.is_some_and(|time| time > 1_700_000_000)));
        let none = store.list("nothing/", &ListFrom::Start).await.expect("a page");
        assert!(none.entries.is_empty() && none.next.is_none());
    });
}

#[test]
fn listings_begin_behind_any_key() {
    conforms("conformance::listings::listings_begin_behind_any_key", async |store, double| {
        let keys: Vec<String> = (0..1100).map(|n| format!("p/{n:04}")).collect();
        for key in keys.iter().map(String::as_str).chain(["a", "p/ü x", "p/ü+", "q"]) {
            double.put("bucket", key, key);
        }
        let behind = async |key: &str| -> Vec<String> {
            let (found, _) = listed(store, "p/", ListFrom::After(key.to_owned())).await;
            found.into_iter().map(|entry| entry.key).collect()
        };
        assert_eq!(behind("p/1097").await, ["p/1098", "p/1099", "p/ü x", "p/ü+"], "not the key itself");
        assert_eq!(behind("p/1097x").await, ["p/1098", "p/1099", "p/ü x", "p/ü+"], "a key that is not there");
        assert_eq!(behind("p/ü x").await, ["p/ü+"]);
        assert_eq!(behind("p/ü+").await, [""; 0]);
        assert_eq!(behind("q").await, [""; 0], "behind the prefix");
        let all = behind("a").await;
        assert_eq!(all.len(), 1102, "before the prefix, and over more than a page");
        assert_eq!(all[..1100], keys);
    });
}

/// All entries from somewhere on, and the number of pages.
async fn listed(store: &dyn Store, prefix: &str, mut from: ListFrom) -> (Vec<ListEntry>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.list(prefix, &from).await.expect("a page");
        pages += 1;
        found.extend(page.entries);
        match page.next {
            Some(token) => from = ListFrom::Page(token),
            None => return (found, pages),
        }
    }
}
