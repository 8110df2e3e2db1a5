//! Environment variables as typed values, with all problems collected.

use std::{env, fmt, process::ExitCode, str::FromStr, time::Duration};

use crate::EX_USAGE;

/// Finds a variable's value by its name.
type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// Reads variables and collects the problems.
///
/// Reading never fails: a problem is recorded, a placeholder takes the value's place, and
/// [`check`](Self::check) returns all problems at once. A variable that is empty or blank
/// counts as unset, because compose files set such ones. Problems never contain a variable's
/// value, which may be a secret.
///
/// ```
/// use trichrome_startup::Variables;
///
/// let mut variables = Variables::new(|name| (name == "PORT").then(|| "http".to_owned()));
/// variables.required("USERS_TABLE");
/// variables.parse_or("PORT", 3005_u16, "a port number");
/// assert_eq!(
///     variables.check().unwrap_err().to_string(),
///     "invalid environment: USERS_TABLE is not set; PORT must be a port number",
/// );
/// ```
pub struct Variables<'a> {
    lookup: Lookup<'a>,
    problems: Vec<String>,
}

impl<'a> Variables<'a> {
    /// Reads the process's environment.
    #[must_use]
    pub fn from_process() -> Self {
        Self::new(|name| env::var(name).ok())
    }

    /// Reads from `lookup`, so that tests need not change the process's environment.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            lookup: Box::new(lookup),
            problems: Vec::new(),
        }
    }

    /// The variable's value if it is set.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// The variable's value; empty, with a problem recorded, if it isn't set.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(name, "is not set");
            String::new()
        })
    }

    /// A required variable, parsed by `parse`. `expected` describes the values it takes.
    pub fn required_with<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if self.optional(name).is_none() {
            self.problem(name, &format!("is not set; it must be {expected}"));
            return None;
        }
        self.optional_with(name, expected, parse)
    }

    /// An optional variable, parsed by `parse`. `expected` describes the values it takes.
    pub fn optional_with<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(self.optional(name)?.trim());
        if value.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        value
    }

    /// An optional variable of another type. `expected` describes the values it takes.
    pub fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        self.optional_with(name, expected, |text| text.parse().ok())
    }

    /// A variable of another type with a default. `expected` describes the values it takes.
    pub fn parse_or<T: FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        self.parse(name, expected).unwrap_or(default)
    }

    /// A whole number above zero.
    pub fn count_or(&mut self, name: &str, default: usize) -> usize {
        self.optional_with(name, "a whole number above 0", |text| {
            text.parse().ok().filter(|count| *count > 0)
        })
        .unwrap_or(default)
    }

    /// A duration in milliseconds, above zero.
    pub fn millis_or(&mut self, name: &str, default: Duration) -> Duration {
        self.duration_or(name, default, "milliseconds", Duration::from_millis)
    }

    /// A duration in seconds, above zero.
    pub fn seconds_or(&mut self, name: &str, default: Duration) -> Duration {
        self.duration_or(name, default, "seconds", Duration::from_secs)
    }

    fn duration_or(
        &mut self,
        name: &str,
        default: Duration,
        unit: &str,
        from: fn(u64) -> Duration,
    ) -> Duration {
        let expected = format!("a whole number of {unit} above 0");
        self.optional_with(name, &expected, |text| {
            text.parse().ok().filter(|count| *count > 0).map(from)
        })
        .unwrap_or(default)
    }

    /// A switch: `on` or `off`.
    pub fn switch_or(&mut self, name: &str, default: bool) -> bool {
        self.optional_with(name, "on or off", |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// Records a problem. `problem` continues the sentence that the name begins, as in "must
    /// be a URL", and must not contain a secret.
    pub fn problem(&mut self, name: &str, problem: &str) {
        let problem = format!("{name} {problem}");
        // Two secrets in one store may need the same variable.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Returns the problems recorded so far.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvironment`] if there are any.
    pub fn check(&self) -> Result<(), InvalidEnvironment> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(InvalidEnvironment {
                problems: self.problems.clone(),
            })
        }
    }
}

/// Everything that is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEnvironment {
    /// One sentence for each problem, each beginning with the variable's name.
    pub problems: Vec<String>,
}

impl InvalidEnvironment {
    /// The process's exit status: [`EX_USAGE`].
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(EX_USAGE)
    }
}

impl fmt::Display for InvalidEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid environment: {}", self.problems.join("; "))
    }
}

impl std::error::Error for InvalidEnvironment {}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &'static [(&'static str, &'static str)]) -> Variables<'static> {
        Variables::new(|name| {
            let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        })
    }

    #[test]
    fn every_problem_is_reported() {
        let mut variables = variables(&[
            ("COUNT", "0"),
            ("MILLIS", "soon"),
            ("SECONDS", "-1"),
            ("SWITCH", "yes"),
            ("PORT", "http"),
        ]);
        variables.required("TABLE");
        variables.required_with("BROKERS", "brokers such as localhost:29092", |_| Some(()));
        variables.count_or("COUNT", 1);
        variables.millis_or("MILLIS", Duration::from_secs(1));
        variables.seconds_or("SECONDS", Duration::from_secs(1));
        assert!(variables.switch_or("SWITCH", true));
        assert_eq!(variables.parse_or("PORT", 80_u16, "a port number"), 80);
        variables.problem("URL", "must be a URL");
        assert_eq!(
            variables.check().unwrap_err().problems,
            [
                "TABLE is not set",
                "BROKERS is not set; it must be brokers such as localhost:29092",
                "COUNT must be a whole number above 0",
                "MILLIS must be a whole number of milliseconds above 0",
                "SECONDS must be a whole number of seconds above 0",
                "SWITCH must be on or off",
                "PORT must be a port number",
                "URL must be a URL",
            ]
        );
    }

    #[test]
    fn values_are_read_without_surrounding_space() {
        let mut variables = variables(&[("MILLIS", " 250 "), ("SWITCH", "off"), ("NAME", "n")]);
        let default = Duration::from_secs(1);
        assert_eq!(
            variables.millis_or("MILLIS", default),
            Duration::from_millis(250)
        );
        assert_eq!(variables.seconds_or("OTHER", default), default);
        assert!(!variables.switch_or("SWITCH", true));
        assert_eq!(variables.required("NAME"), "n");
        variables.check().unwrap();
    }

    #[test]
    fn a_blank_variable_is_unset() {
        let mut variables = variables(&[("EMPTY", ""), ("BLANK", " ")]);
        assert_eq!(variables.optional("EMPTY"), None);
        assert_eq!(variables.count_or("BLANK", 7), 7);
        variables.check().unwrap();
        variables.required("EMPTY");
        variables.check().unwrap_err();
    }

    #[test]
    fn a_problem_does_not_contain_the_value() {
        let mut variables = variables(&[("DATABASE_URL", "hunter2")]);
        let parsed = variables.required_with("DATABASE_URL", "a URL", |_| None::<()>);
        assert_eq!(parsed, None);
        let error = variables.check().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
