//! What is wrong with the contract, each problem with the file and line it is in.

use std::fmt::{self, Display};

use prost_reflect::{FieldDescriptor, FileDescriptor, MethodDescriptor};
use prost_types::source_code_info::Location;

/// Every problem found; the build fails if there is one.
#[derive(Default)]
pub(crate) struct Report {
    problems: Vec<String>,
}

impl Report {
    /// Adds a problem of the definition that `place` and `name` describe.
    pub(crate) fn add(&mut self, place: &str, name: &str, problem: impl Display) {
        self.problems.push(format!("{place}: {name}: {problem}"));
    }

    /// Adds a problem of an rpc.
    pub(crate) fn method(&mut self, method: &MethodDescriptor, problem: impl Display) {
        let name = format!("rpc {}", method.full_name());
        self.add(&method_place(method), &name, problem);
    }

    /// Adds a problem of a message's field.
    pub(crate) fn field(&mut self, field: &FieldDescriptor, problem: impl Display) {
        let place = place(&field.parent_file(), field.path());
        self.add(&place, field.full_name(), problem);
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(Problems(self.problems))
        }
    }
}

/// The problems of a contract that can't be built.
#[derive(Debug)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Where a definition is, as `proto/pictures/pictures.proto:12`.
pub(crate) fn place(file: &FileDescriptor, path: &[i32]) -> String {
    let line = location(file, path)
        .and_then(|location| location.span.first())
        .map_or(0, |line| line + 1);
    format!("proto/{}:{line}", file.name())
}

/// Where an rpc is.
pub(crate) fn method_place(method: &MethodDescriptor) -> String {
    place(&method.parent_file(), method.path())
}

/// The comment before a definition, as one paragraph.
pub(crate) fn doc(file: &FileDescriptor, path: &[i32]) -> String {
    location(file, path)
        .and_then(|location| location.leading_comments.as_deref())
        .map(|comment| comment.split_whitespace().collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

fn location<'a>(file: &'a FileDescriptor, path: &[i32]) -> Option<&'a Location> {
    let info = file.file_descriptor_proto().source_code_info.as_ref()?;
    info.location.iter().find(|location| location.path == path)
}
