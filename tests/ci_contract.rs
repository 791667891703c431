//! One list: what the action declares, what the program reads and writes, and what the documents say.

use std::fs;
use std::path::Path;

use hugesync::ci::{OUTPUTS, inputs};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names two spaces deep below a line of a YAML file that has no other form.
fn names_below(text: &str, line: &str) -> Vec<String> {
    let below = text.lines().skip_while(|found| *found != line).skip(1);
    let within = below.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let names = within.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    names.filter(|name| !name.starts_with([' ', '#'])).map(str::to_owned).collect()
}

/// The names in the first column of all tables of a kind.
fn names_in_tables(text: &str, kind: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line == format!("<!-- table: {kind} -->")) {
        let rows = lines.by_ref().take_while(|line| line.starts_with('|')).skip(2);
        names.extend(rows.filter_map(|row| Some(row.strip_prefix("| `")?.split('`').next()?.to_owned())));
    }
    names
}

#[test]
fn the_action_declares_what_the_program_reads() {
    assert_eq!(names_below(&read("action.yml"), "inputs:"), inputs());
}

#[test]
fn the_action_hands_every_input_over() {
    // A shell that starts the program may drop variables with hyphens in their names.
    let action = read("action.yml");
    let env = action.lines().skip_while(|line| *line != "  env:").skip(1);
    let env: Vec<&str> = env.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    let expected: Vec<String> = inputs()
        .iter()
        .map(|name| format!("INPUT_{}: ${{{{ inputs.{name} }}}}", name.to_ascii_uppercase().replace('-', "_")))
        .collect();
    assert_eq!(env, expected);
}

#[test]
fn the_action_declares_what_the_program_writes() {
    assert_eq!(names_below(&read("action.yml"), "outputs:"), OUTPUTS);
}

#[test]
fn the_documents_name_them_all() {
    let document = read("docs/CI.md");
    assert_eq!(names_in_tables(&document, "inputs"), inputs());
    assert_eq!(names_in_tables(&document, "outputs"), OUTPUTS);
}

#[test]
fn the_readme_uses_what_there_is() {
    let readme = read("README.md");
    let step = readme.lines().skip_while(|line| !line.contains("- uses: hugesync/hugesync@")).skip(2);
    let used: Vec<&str> = step
        .take_while(|line| line.starts_with("          "))
        .filter_map(|line| line.trim().split(':').next())
        .collect();
    assert!(used.len() > 2, "there is no example");
    let inputs = inputs();
    assert!(used.iter().all(|name| inputs.iter().any(|input| input == name)), "{used:?}");
}
