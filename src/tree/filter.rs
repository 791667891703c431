//! Include and exclude rules: which files and folders a run looks at, as rsync decides it.
//!
//! Only rsync's plain rules (`--include`, `--exclude` and their `-from` files) are known: no `--filter`, no modifiers,
//! no merge files in folders. What a pattern matches is `pattern`'s affair; walking folders is the caller's.

use std::fmt;

use thiserror::Error;

use super::lines::entries;
use super::pattern::{Pattern, Slashed};

/// Include and exclude rules in order; the first that matches decides; what none matches is selected.
///
/// A rule that selects a folder says nothing about what is in it, and whatever is in a folder that is not selected is
/// not selected either: a walk asks about every folder that it comes to, and does not enter those that are refused.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    include: bool,
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}rule {rule:?} {problem}", InLine(*.line))]
pub struct BadRule {
    /// Its line if it is from a file, from 1.
    pub line: Option<usize>,
    /// The rule as it was written; what is no UTF-8 is replaced.
    pub rule: String,
    /// What is wrong with it.
    pub problem: RuleProblem,
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RuleProblem {
    /// Nothing follows `+ ` or `- `.
    #[error("has no pattern")]
    NoPattern,
    /// It has a NUL byte, which no name has.
    #[error("has a NUL byte")]
    Nul,
    /// It is longer than any path: rsync warns of such a rule, and discards it.
    #[error("is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
}

/// The longest pattern that rsync takes: `PATH_MAX` without the NUL at the end.
const MAX_PATTERN_BYTES: usize = 4_095;

struct InLine(Option<usize>);

impl fmt::Display for InLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(formatter, "line {line}: "))
    }
}

impl Rules {
    /// Adds the pattern of an `--include`.
    ///
    /// As in rsync, `- pattern` is an exclude all the same, `+ pattern` leaves no doubt (and takes a pattern that
    /// begins with `- `), a lone `!` removes all rules before it, and an empty pattern is nothing.
    pub fn include(&mut self, pattern: &str) -> Result<(), BadRule> {
        self.add(pattern.as_bytes(), true).map_err(|problem| bad_rule(None, pattern.as_bytes(), problem))
    }

    /// Adds the pattern of an `--exclude`; prefixes and `!` as with [`include`](Self::include).
    pub fn exclude(&mut self, pattern: &str) -> Result<(), BadRule> {
        self.add(pattern.as_bytes(), false).map_err(|problem| bad_rule(None, pattern.as_bytes(), problem))
    }

    /// Adds the text of an `--include-from` (`default_include`) or `--exclude-from` file.
    ///
    /// A line, ended by LF, CR or CR LF, is what [`include`](Self::include) or [`exclude`](Self::exclude) takes, but
    /// need not be UTF-8. Blank lines and those that begin with `#` or `;` are ignored; spaces belong to the pattern.
    ///
    /// # Errors
    /// With the number of the line; the rules of the lines before it have been added.
    pub fn add_file(&mut self, text: &[u8], default_include: bool) -> Result<(), BadRule> {
        entries(text, false).try_for_each(|(line, rule)| {
            self.add(rule, default_include).map_err(|problem| bad_rule(Some(line), rule, problem))
        })
    }

    /// Whether there are no rules: all is selected.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether this path itself is selected; its parents are not looked at, for a walk has pruned them.
    ///
    /// `path` is relative to the root of the transfer, `/` between its components, with none at either end. A source
    /// written without a slash at the end is a component of it: `data` makes the paths `data`, `data/file`. The root
    /// itself, the empty path, is always selected, as `rsync --exclude='*' data/` excludes all that is in `data`, but
    /// not `data`.
    pub fn selects(&self, path: &[u8], is_dir: bool) -> bool {
        self.rules.is_empty() || self.selects_slashed(Slashed { path: &[b"/", path, b"/"].concat(), is_dir })
    }

    /// Whether this path and every folder above it is selected: for paths that no walk has led to.
    pub fn selects_with_parents(&self, path: &[u8], is_dir: bool) -> bool {
        if self.rules.is_empty() {
            return true;
        }
        let path = [b"/", path, b"/"].concat();
        let mut ends = (1..path.len()).filter(|&at| path[at] == b'/').map(|slash| slash + 1);
        ends.all(|end| self.selects_slashed(Slashed { path: &path[..end], is_dir: is_dir || end < path.len() }))
    }

    fn selects_slashed(&self, path: Slashed<'_>) -> bool {
        path.path == b"//" || self.rules.iter().find(|rule| rule.pattern.matches(path)).is_none_or(|rule| rule.include)
    }

    fn add(&mut self, text: &[u8], default_include: bool) -> Result<(), RuleProblem> {
        let (include, pattern) = match text {
            [] => return Ok(()),
            b"!" => {
                self.rules.clear();
                return Ok(());
            }
            [b'+', b' ', pattern @ ..] => (true, pattern),
            [b'-', b' ', pattern @ ..] => (false, pattern),
            pattern => (default_include, pattern),
        };
        if pattern.is_empty() {
            return Err(RuleProblem::NoPattern);
        }
        if pattern.contains(&0) {
            return Err(RuleProblem::Nul);
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(RuleProblem::TooLong);
        }
        self.rules.push(Rule { pattern: Pattern::compile(pattern), include });
        Ok(())
    }
}

fn bad_rule(line: Option<usize>, rule: &[u8], problem: RuleProblem) -> BadRule {
    BadRule { line, rule: String::from_utf8_lossy(rule).into_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::{BadRule, RuleProblem, Rules};

    fn excludes(patterns: &[&str]) -> Rules {
        let mut rules = Rules::default();
        patterns.iter().for_each(|pattern| rules.exclude(pattern).unwrap());
        rules
    }

    #[test]
    fn no_rules_select_all() {
        let rules = excludes(&[""]);
        assert!(rules.is_empty());
        assert!(rules.selects(b"a", false) && rules.selects_with_parents(b"d/a", false));
    }

    #[test]
    fn the_first_match_decides() {
        let mut rules = Rules::default();
        rules.include("keep.log").unwrap();
        rules.exclude("*.log").unwrap();
        rules.include("late.log").unwrap();
        assert!(rules.selects(b"d/keep.log", false));
        assert!(!rules.selects(b"late.log", false));
        assert!(rules.selects(b"other", false));
    }

    #[test]
    fn a_prefix_overrides_the_option() {
        let mut rules = excludes(&["+ a", "- - b", "-c"]);
        rules.include("- d").unwrap();
        rules.exclude("*").unwrap();
        for (path, selected) in [("a", true), ("- b", false), ("b", false), ("-c", false), ("d", false)] {
            assert_eq!(rules.selects(path.as_bytes(), false), selected, "{path}");
        }
        // Two spaces: the second is the name's.
        assert!(!excludes(&["-  a"]).selects(b" a", false));
    }

    #[test]
    fn a_lone_exclamation_mark_clears_the_rules_before_it() {
        assert!(excludes(&["a", "!"]).is_empty());
        let rules = excludes(&["a", "- !", "! ", "!x"]);
        for name in ["a", "!", "! ", "!x"] {
            assert!(!rules.selects(name.as_bytes(), false), "{name}");
        }
    }

    #[test]
    fn parents_are_looked_at_only_when_asked() {
        let rules = excludes(&["d/"]);
        assert!(rules.selects(b"d/e/a", false) && !rules.selects_with_parents(b"d/e/a", false));
        assert!(rules.selects_with_parents(b"x/d", false) && !rules.selects_with_parents(b"x/d", true));
    }

    #[test]
    fn the_root_is_always_selected() {
        for pattern in ["*", "**", "/***", "/", "//"] {
            let rules = excludes(&[pattern]);
            assert!(rules.selects(b"", true) && rules.selects_with_parents(b"", true), "{pattern}");
        }
    }

    #[test]
    fn a_file_has_one_rule_a_line() {
        let mut rules = excludes(&["gone"]);
        rules.add_file(b"x\r\n!\r\n# no\n;no\n\n a\r+ b\n- \xff\n*.c\n", false).unwrap();
        for (path, selected) in [
            (b"gone".as_slice(), true),
            (b"x", true),
            (b"# no", true),
            (b" a", false),
            (b"b", true),
            (b"\xff", false),
            (b"d.c", false),
        ] {
            assert_eq!(rules.selects(path, false), selected, "{}", path.escape_ascii());
        }
        let mut rules = Rules::default();
        rules.add_file(b"a\n- *", true).unwrap();
        assert!(rules.selects(b"a", false) && !rules.selects(b"b", false));
    }

    #[test]
    fn what_is_no_rule_is_refused_with_its_line() {
        let mut rules = Rules::default();
        let error = rules.add_file(b"a\n\n+ \n", false).unwrap_err();
        assert_eq!(error, BadRule { line: Some(3), rule: "+ ".to_owned(), problem: RuleProblem::NoPattern });
        assert_eq!(error.to_string(), "line 3: rule \"+ \" has no pattern");
        assert_eq!(rules.exclude("- ").unwrap_err().to_string(), "rule \"- \" has no pattern");
        assert_eq!(rules.add_file(b"a\0b", false).unwrap_err().problem, RuleProblem::Nul);
    }

    #[test]
    fn a_pattern_is_no_longer_than_a_path() {
        let mut rules = Rules::default();
        for piece in ["a", "?", "*", "**a", "[!a]", "[ace]", "[[:punct:]]"] {
            let pattern: String = piece.chars().cycle().take(4_095).collect();
            assert_eq!(rules.exclude(&format!("- {pattern}")), Ok(()));
            let error = rules.exclude(&format!("{pattern}a")).unwrap_err();
            assert_eq!(error.problem, RuleProblem::TooLong);
            assert!(error.to_string().ends_with("is longer than 4095 bytes"), "{error}");
        }
    }
}
