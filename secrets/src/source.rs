//! The variables that say where a secret comes from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use trichrome_startup::Variables;
use zeroize::Zeroizing;

use crate::file;

/// What `…_SOURCE` takes.
const EXPECTED: &str = "env:NAME, file:/path, aws-secretsmanager:<name or ARN>[#key] or \
                        vault+https://host:port/<mount>/data/<path>[#field]";

/// The variables of a secret, of which exactly one is set. `…_SOURCE` is always among them.
#[derive(Clone, Copy, Debug)]
pub struct Forms {
    name: &'static str,
    value: bool,
    file: bool,
    secret_id: bool,
}

impl Forms {
    /// `<name>_SOURCE`: a source's URL.
    #[must_use]
    pub const fn source(name: &'static str) -> Self {
        Self {
            name,
            value: false,
            file: false,
            secret_id: false,
        }
    }

    /// Also `<name>`: the secret itself.
    #[must_use]
    pub const fn or_value(self) -> Self {
        Self {
            value: true,
            ..self
        }
    }

    /// Also `<name>_FILE`: the path of a file that contains it.
    #[must_use]
    pub const fn or_file(self) -> Self {
        Self { file: true, ..self }
    }

    /// Also `<name>_SECRET_ID`: the name or ARN of a secret in AWS Secrets Manager.
    #[must_use]
    pub const fn or_secret_id(self) -> Self {
        Self {
            secret_id: true,
            ..self
        }
    }

    /// The names of the variables.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.variables().into_iter().map(|(name, _)| name).collect()
    }

    fn variables(&self) -> Vec<(String, Form)> {
        [
            (self.value, "", Form::Value),
            (self.file, "_FILE", Form::File),
            (self.secret_id, "_SECRET_ID", Form::SecretId),
            (true, "_SOURCE", Form::Source),
        ]
        .into_iter()
        .filter(|(wanted, ..)| *wanted)
        .map(|(_, suffix, form)| (format!("{}{suffix}", self.name), form))
        .collect()
    }
}

#[derive(Clone, Copy)]
enum Form {
    Value,
    File,
    SecretId,
    Source,
}

/// Where a secret comes from.
#[derive(Clone)]
pub struct SecretSource {
    /// The variable that says so.
    pub(crate) variable: String,
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Value(Zeroizing<String>),
    File(PathBuf),
    #[cfg(feature = "aws")]
    SecretsManager {
        id: String,
        /// A field, if the secret is a JSON object.
        key: Option<String>,
    },
    #[cfg(feature = "vault")]
    Vault(crate::vault::Location, Box<crate::vault::Settings>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({})", self.variable)
    }
}

impl SecretSource {
    /// Reads the variables of a required secret. Exactly one must be set. Problems are recorded
    /// there, with the variable's name and without its value; then there is no source.
    ///
    /// A file is read once, so that a wrong path is found at the start. Stores are not asked.
    pub fn read(variables: &mut Variables<'_>, forms: Forms) -> Option<Self> {
        let names = forms.variables();
        let mut set = names
            .iter()
            .filter(|(name, _)| variables.optional(name).is_some());
        let Some((name, form)) = set.next() else {
            let (first, rest) = names.split_first()?;
            let rest: Vec<_> = rest.iter().map(|(name, _)| name.as_str()).collect();
            let problem = match rest.as_slice() {
                [] => format!("is not set; it must be {EXPECTED}"),
                [one] => format!("is not set, nor is {one}"),
                [most @ .., last] => {
                    format!("is not set, nor are {} and {last}", most.join(", "))
                }
            };
            variables.problem(&first.0, &problem);
            return None;
        };
        if let Some((other, _)) = set.next() {
            variables.problem(name, &format!("and {other} are both set"));
            return None;
        }
        let text = Zeroizing::new(variables.optional(name)?);
        let place = match form {
            Form::Value => Some(Place::Value(text)),
            Form::File => file_at(variables, name, text.trim()),
            Form::SecretId => secrets_manager(variables, name, &text),
            Form::Source => place(variables, name, text.trim()),
        };
        Some(Self {
            variable: name.clone(),
            place: place?,
        })
    }

    /// The variable that names the source.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Whether opening it asks for the configuration of AWS.
    #[must_use]
    pub const fn needs_aws(&self) -> bool {
        match &self.place {
            Place::Value(_) | Place::File(_) => false,
            #[cfg(feature = "aws")]
            Place::SecretsManager { .. } => true,
            #[cfg(feature = "vault")]
            Place::Vault(_, settings) => settings.needs_aws(),
        }
    }

    /// The secret, if it is in the environment or in a file.
    #[must_use]
    pub fn local(&self) -> Option<Zeroizing<String>> {
        match &self.place {
            Place::Value(text) => Some(text.clone()),
            Place::File(path) => file::read(path).ok(),
            #[cfg(feature = "aws")]
            Place::SecretsManager { .. } => None,
            #[cfg(feature = "vault")]
            Place::Vault(..) => None,
        }
    }
}

/// Parses a source's URL.
fn place(variables: &mut Variables<'_>, name: &str, text: &str) -> Option<Place> {
    if let Some(other) = text.strip_prefix("env:") {
        let value = variables.optional(other).filter(|_| other != name);
        if value.is_none() {
            variables.problem(
                name,
                &format!("names the variable {other:?}, which is not set"),
            );
        }
        return value.map(|value| Place::Value(Zeroizing::new(value)));
    }
    if let Some(path) = text.strip_prefix("file:") {
        // `file:///path` is the same, by RFC 8089.
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') {
            variables.problem(
                name,
                "must name a file by its absolute path, as in file:/path",
            );
            return None;
        }
        return file_at(variables, name, path);
    }
    if let Some(id) = text.strip_prefix("aws-secretsmanager:") {
        return secrets_manager(variables, name, id);
    }
    if text.starts_with("vault+") {
        return vault(variables, name, text);
    }
    variables.problem(name, &format!("must be {EXPECTED}"));
    None
}

fn file_at(variables: &mut Variables<'_>, name: &str, path: &str) -> Option<Place> {
    match file::read(Path::new(path)) {
        Ok(text) if text.is_empty() => variables.problem(name, "names an empty file"),
        Ok(_) => return Some(Place::File(path.into())),
        Err(_) => variables.problem(name, "must name a readable file"),
    }
    None
}

#[cfg(feature = "aws")]
fn secrets_manager(variables: &mut Variables<'_>, name: &str, text: &str) -> Option<Place> {
    // No name or ARN contains a `#` (Secrets Manager API reference, `CreateSecret`).
    let (id, key) = match text.split_once('#') {
        Some((id, key)) => (id, Some(key.to_owned())),
        None => (text, None),
    };
    if id.is_empty() || key.as_deref() == Some("") {
        variables.problem(
            name,
            "must name a secret by its name or ARN, and a key after #",
        );
        return None;
    }
    Some(Place::SecretsManager {
        id: id.to_owned(),
        key,
    })
}

#[cfg(not(feature = "aws"))]
fn secrets_manager(variables: &mut Variables<'_>, name: &str, _: &str) -> Option<Place> {
    let problem = "needs AWS Secrets Manager, which this build lacks";
    variables.problem(name, problem);
    None
}

#[cfg(feature = "vault")]
fn vault(variables: &mut Variables<'_>, name: &str, text: &str) -> Option<Place> {
    let location = match crate::vault::Location::parse(text) {
        Ok(location) => Some(location),
        Err(problem) => {
            variables.problem(name, problem);
            None
        }
    };
    let settings = crate::vault::Settings::read(variables, name)?;
    Some(Place::Vault(location?, Box::new(settings)))
}

#[cfg(not(feature = "vault"))]
fn vault(variables: &mut Variables<'_>, name: &str, _: &str) -> Option<Place> {
    let problem = "needs Vault, which this build lacks: build with the feature vault";
    variables.problem(name, problem);
    None
}

#[cfg(test)]
mod tests;
