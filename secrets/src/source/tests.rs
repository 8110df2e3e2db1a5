use std::io::Write as _;

use tempfile::NamedTempFile;

use super::*;

const ALL: Forms = Forms::source("KEY").or_value().or_file().or_secret_id();

fn read(forms: Forms, pairs: &[(&str, &str)]) -> Result<SecretSource, String> {
    let mut variables = Variables::new(|name| {
        let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
        Some((*value).to_owned())
    });
    let source = SecretSource::read(&mut variables, forms);
    match variables.check() {
        Ok(()) => Ok(source.unwrap()),
        Err(error) => {
            assert!(source.is_none(), "a source in spite of {error}");
            Err(error.problems.join("\n"))
        }
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn exactly_one_form_is_set() {
    for (forms, problem) in [
        (
            ALL,
            "KEY is not set, nor are KEY_FILE, KEY_SECRET_ID and KEY_SOURCE",
        ),
        (
            Forms::source("KEY").or_value(),
            "KEY is not set, nor is KEY_SOURCE",
        ),
    ] {
        assert_eq!(read(forms, &[]).unwrap_err(), problem);
    }
    let missing = read(Forms::source("KEY"), &[]).unwrap_err();
    assert!(
        missing.starts_with("KEY_SOURCE is not set; it must be env:NAME"),
        "{missing}"
    );
    assert_eq!(
        read(ALL, &[("KEY", "hunter2"), ("KEY_SOURCE", "env:OTHER")]).unwrap_err(),
        "KEY and KEY_SOURCE are both set"
    );
    // A form that a secret doesn't have is another program's variable.
    let pairs = [("KEY_FILE", "/a/path"), ("KEY_SECRET_ID", "id")];
    let source = read(Forms::source("KEY").or_secret_id(), &pairs).unwrap();
    assert_eq!(source.variable(), "KEY_SECRET_ID");
}

#[test]
fn a_value_comes_from_its_variable_or_another() {
    let source = read(ALL, &[("KEY", " hunter2 ")]).unwrap();
    assert_eq!(source.local().unwrap().as_str(), " hunter2 ");
    let source = read(ALL, &[("KEY_SOURCE", "env:OTHER"), ("OTHER", "hunter2")]).unwrap();
    assert_eq!(source.local().unwrap().as_str(), "hunter2");
    assert_eq!(source.variable(), "KEY_SOURCE");
    assert_eq!(
        read(ALL, &[("KEY_SOURCE", "env:OTHER")]).unwrap_err(),
        "KEY_SOURCE names the variable \"OTHER\", which is not set"
    );
}

#[test]
fn a_file_is_readable_at_the_start() {
    let (full, empty) = (file("hunter2\n"), file("\n"));
    let path = full.path().to_str().unwrap();
    for (name, text) in [
        ("KEY_FILE", path.to_owned()),
        ("KEY_SOURCE", format!("file:{path}")),
        ("KEY_SOURCE", format!("file://{path}")),
    ] {
        let source = read(ALL, &[(name, &text)]).unwrap();
        assert!(
            matches!(source.place, Place::File(it) if it == full.path()),
            "{text}"
        );
    }
    let empty = empty.path().to_str().unwrap();
    for (name, text, problem) in [
        ("KEY_FILE", empty.to_owned(), "names an empty file"),
        (
            "KEY_FILE",
            "/nowhere".to_owned(),
            "must name a readable file",
        ),
        ("KEY_SOURCE", format!("file:{empty}"), "names an empty file"),
        (
            "KEY_SOURCE",
            "file:secret".to_owned(),
            "must name a file by its absolute path, as in file:/path",
        ),
    ] {
        assert_eq!(
            read(ALL, &[(name, &text)]).unwrap_err(),
            format!("{name} {problem}")
        );
    }
}

#[test]
fn another_url_is_refused_without_being_repeated() {
    for text in [
        "hunter2",
        "https://hunter2",
        "vault:hunter2",
        "awssecretsmanager:hunter2",
    ] {
        let problem = read(ALL, &[("KEY_SOURCE", text)]).unwrap_err();
        assert!(
            problem.starts_with("KEY_SOURCE must be env:NAME"),
            "{problem}"
        );
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[cfg(feature = "aws")]
#[test]
fn a_secret_in_secrets_manager_has_a_name_or_an_arn_and_perhaps_a_key() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf";
    for (name, text, id, key) in [
        ("KEY_SECRET_ID", "a/b", "a/b", None),
        ("KEY_SECRET_ID", ARN, ARN, None),
        (
            "KEY_SOURCE",
            "aws-secretsmanager:rds!db-1",
            "rds!db-1",
            None,
        ),
        (
            "KEY_SOURCE",
            &format!("aws-secretsmanager:{ARN}#password"),
            ARN,
            Some("password"),
        ),
    ] {
        let source = read(ALL, &[(name, text)]).unwrap();
        let Place::SecretsManager { id: found, key: at } = source.place else {
            panic!("{text}");
        };
        assert_eq!((found.as_str(), at.as_deref()), (id, key), "{text}");
    }
    for text in [
        "aws-secretsmanager:",
        "aws-secretsmanager:#a",
        "aws-secretsmanager:a#",
    ] {
        let problem = read(ALL, &[("KEY_SOURCE", text)]).unwrap_err();
        assert!(problem.contains("name or ARN"), "{problem}");
    }
}

#[cfg(not(feature = "vault"))]
#[test]
fn a_build_without_vault_says_so() {
    let text = "vault+https://vault:8200/secret/data/a#b";
    assert_eq!(
        read(ALL, &[("KEY_SOURCE", text)]).unwrap_err(),
        "KEY_SOURCE needs Vault, which this build lacks: build with the feature vault"
    );
}
