//! The CI systems: how each tells who it is, and its ways out: outputs, summary, foldable log, annotations, masks.
//!
//! A platform acts on nothing: it says which line to print or what to add to which file. `log.rs` prints, and makes what
//! it prints harmless before; `finish.rs` writes.

mod bitbucket;
mod circleci;
mod drone;
mod github;
mod gitlab;
mod plain;
mod system;
mod woodpecker;

pub(super) use system::{Level, Output, Platform, dotenv};

use super::environment::Environment;

/// The system that this process runs on.
pub(super) fn detect(environment: &Environment) -> Box<dyn Platform> {
    let is_set = |name| environment.get(name).is_some();
    if environment.is_true("GITHUB_ACTIONS") {
        Box::new(github::GitHub::of(environment))
    } else if environment.is_true("GITLAB_CI") {
        Box::new(gitlab::GitLab::of(environment))
    } else if environment.get("CI") == Some("woodpecker") || environment.get("CI_SYSTEM_NAME") == Some("woodpecker") {
        // Before Drone: it sets variables of Drone's too.
        Box::new(woodpecker::Woodpecker::of(environment))
    } else if is_set("DRONE") || is_set("DRONE_OUTPUT") || is_set("HARNESS_BUILD_ID") {
        Box::new(drone::Drone::of(environment))
    } else if is_set("BITBUCKET_BUILD_NUMBER") {
        Box::new(bitbucket::Bitbucket::of(environment))
    } else if environment.is_true("CIRCLECI") {
        Box::new(circleci::CircleCi::of(environment))
    } else {
        Box::new(plain::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_recognised() {
        for (variables, name) in [
            (&[("GITHUB_ACTIONS", "true"), ("CI", "true")][..], "GitHub Actions"),
            (&[("GITLAB_CI", "true"), ("CI", "true")], "GitLab"),
            (&[("CI", "woodpecker"), ("DRONE_BUILD_NUMBER", "1"), ("DRONE", "true")], "Woodpecker"),
            (&[("DRONE", "true"), ("CI", "true")], "Drone"),
            (&[("BITBUCKET_BUILD_NUMBER", "7"), ("CI", "true")], "Bitbucket Pipelines"),
            (&[("CIRCLECI", "true"), ("CI", "true")], "CircleCI"),
            (&[("CI", "true")], "container"),
            (&[("GITHUB_ACTIONS", "")], "container"),
        ] {
            assert_eq!(detect(&Environment::of(variables)).name(), name);
        }
    }
}
