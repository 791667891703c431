//! The settings of a job: their names, their kinds, and the options of a sync that they stand for.
//!
//! This list is what action.yml, docs/CI.md and `tests/ci_contract.rs` are held to. What a value has to look like is known
//! to the options of the command line only, which read it.

use serde::Deserialize;

use super::values::{Lines, Paths, Secret, Switch, Text, Value as _, Values, kebab};
use crate::options::Unusable;

/// Defines [`Settings`]: a name, a kind, and the option of `hugesync sync` that it is, where it is just that.
macro_rules! settings {
    ($($name:ident: $kind:ty $(=> $option:literal)?;)*) => {
        /// What a job asks for.
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct Settings {
            $(pub(super) $name: $kind,)*
        }

        /// The names of all settings, in snake case, in the order of action.yml.
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];

        impl Settings {
            /// The options that settings are one by one.
            pub(super) fn options(&self) -> Result<Vec<String>, Unusable> {
                let mut options = Vec::new();
                $(
                    self.$name.check(stringify!($name))?;
                    $(self.$name.add_to(&mut options, $option);)?
                )*
                Ok(options)
            }

            /// What was set, by the names of action.yml, as it may be shown.
            pub(super) fn shown(&self) -> Vec<(String, String)> {
                let all = [$((stringify!($name), self.$name.shown())),*];
                all.into_iter().filter_map(|(name, value)| Some((kebab(name), value?))).collect()
            }
        }

        /// The setting that an option of `hugesync sync` comes from.
        pub(super) fn of_option(option: &str) -> Option<&'static str> {
            let all: &[(&str, &str)] = &[$($((stringify!($name), $option),)?)*];
            all.iter().find(|(_, known)| *known == option).map(|(name, _)| *name)
        }
    };
}

settings! {
    source: Paths;
    destination: Paths;
    // Credentials
    role_to_assume: Text;
    aws_region: Text => "region";
    role_session_name: Text;
    role_duration_seconds: Text;
    inline_session_policy: Text;
    allowed_account_ids: Lines;
    audience: Text;
    role_external_id: Text;
    role_chaining: Switch;
    sts_endpoint_url: Text;
    oidc_token: Secret;
    oidc_token_variable: Text;
    aws_access_key_id: Secret;
    aws_secret_access_key: Secret;
    aws_session_token: Secret;
    aws_profile: Text => "profile";
    // Store
    endpoint_url: Text => "endpoint-url";
    path_style: Switch => "path-style";
    // Which files
    exclude: Lines;
    include: Lines;
    files_from: Text => "files-from";
    max_size: Text => "max-size";
    min_size: Text => "min-size";
    gitignore: Switch => "gitignore";
    dockerignore: Switch => "dockerignore";
    links: Switch => "links";
    copy_links: Switch => "copy-links";
    skip_links: Switch => "skip-links";
    shard: Text => "shard";
    if_no_files_found: Text;
    // What counts as changed
    checksum: Switch => "checksum";
    existing: Switch => "existing";
    ignore_existing: Switch => "ignore-existing";
    whole_file: Switch => "whole-file";
    dry_run: Switch => "dry-run";
    // Deleting
    delete: Switch => "delete";
    delete_excluded: Switch => "delete-excluded";
    ignore_errors: Switch => "ignore-errors";
    delete_missing_args: Switch => "delete-missing-args";
    max_delete: Text => "max-delete";
    backup_dir: Text => "backup-dir";
    // What is set on objects
    cache_control: Values => "cache-control";
    content_type: Values => "content-type";
    content_encoding: Values => "content-encoding";
    content_disposition: Values => "content-disposition";
    content_language: Values => "content-language";
    tag: Lines => "tag";
    storage_class: Text => "storage-class";
    acl: Text => "acl";
    sse: Text => "sse";
    kms_key: Text => "sse-kms-key-id";
    sse_customer_key_file: Text => "sse-customer-key-file";
    perms: Switch => "perms";
    owner: Switch => "owner";
    times: Switch => "times";
    // Transfer
    jobs: Text => "jobs";
    list_jobs: Text => "list-jobs";
    bwlimit: Text => "bwlimit";
    delta_threshold: Text => "delta-threshold";
    block_size: Text => "block-size";
    no_sidecar: Switch => "no-sidecar";
    fail_on_conflict: Switch => "fail-on-conflict";
    // What is said
    summary: Switch;
    report_path: Text;
    output_path: Text;
    summary_path: Text;
    debug: Switch;
    // As other S3 plugins have it: not in action.yml
    bucket: Text;
    target: Text;
    strip_prefix: Text;
}

/// How many names at the end of the list are no inputs of the action.
pub(super) const PLUGINS_ONLY: usize = 3;

impl Settings {
    /// Reads names and texts.
    pub(super) fn read(values: Vec<(String, String)>) -> Result<Self, Unusable> {
        envy::from_iter(values).map_err(|error| Unusable { message: error.to_string(), hint: None })
    }
}

/// The inputs of the action, in its order.
pub fn inputs() -> Vec<String> {
    NAMES[..NAMES.len() - PLUGINS_ONLY].iter().map(|name| kebab(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Settings {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(values).unwrap_or_else(|error| panic!("{}", error.message))
    }

    #[test]
    fn settings_are_options() {
        let settings = settings(&[
            ("jobs", "8"),
            ("delete", "True"),
            ("path_style", "no"),
            ("tag", "a=b, c=d"),
            ("cache_control", "*.html:no-cache\npublic, max-age=60"),
            ("kms_key", "alias/x"),
        ]);
        let Ok(options) = settings.options() else { panic!("unusable") };
        assert_eq!(
            options,
            [
                "--delete",
                "--cache-control=*.html:no-cache",
                "--cache-control=public, max-age=60",
                "--tag=a=b",
                "--tag=c=d",
                "--sse-kms-key-id=alias/x",
                "--jobs=8"
            ]
        );
        assert_eq!(of_option("sse-kms-key-id"), Some("kms_key"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = settings(&[("aws_secret_access_key", "sesame"), ("acl", "private"), ("dry_run", "yes")]);
        assert_eq!(settings.shown(), [("dry-run".into(), "true".into()), ("acl".into(), "private".into())]);
        assert!(!format!("{settings:?}").contains("sesame"));
    }

    #[test]
    fn an_unclear_switch_is_an_error() {
        let error = settings(&[("dry_run", "maybe")]).options().expect_err("it is unclear");
        assert_eq!(error.message, "dry-run: \"maybe\" is neither true nor false");
    }
}
