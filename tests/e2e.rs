//! The program from the outside: `hugesync` as a child process against an S3 server.
//!
//! The server is the strict double, started by each test for itself; `e2e::servers::scenario` aims at any other one.

mod e2e {
    mod attributes;
    mod ci;
    mod conflicts;
    mod deletes;
    mod descriptors;
    mod downloads;
    mod downloads_hostile;
    mod downloads_interrupted;
    mod downloads_trees;
    mod dry_run;
    mod faults;
    mod heads;
    mod help;
    mod hostile;
    mod identity;
    mod impostors;
    mod interrupted;
    mod layout;
    mod lookalikes;
    mod model;
    mod numbers;
    mod oidc;
    mod options;
    mod reach;
    mod refusals;
    mod report;
    mod scenario;
    mod scripted;
    mod servers;
    mod sign;
    mod sources;
    mod support;
    mod trees;
}
