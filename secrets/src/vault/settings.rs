//! The variables of the login to Vault.

use std::{fs, path::PathBuf};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use trichrome_startup::Variables;
use zeroize::Zeroizing;

use crate::file;

const AUTH: &str = "VAULT_AUTH";
const MOUNT: &str = "VAULT_AUTH_MOUNT";
const ROLE: &str = "VAULT_ROLE";
const ROLE_ID: &str = "VAULT_ROLE_ID";
const SECRET_ID: &str = "VAULT_SECRET_ID_FILE";
const TOKEN: &str = "VAULT_TOKEN";
const TOKEN_FILE: &str = "VAULT_TOKEN_FILE";
const KUBERNETES: &str = "VAULT_KUBERNETES_TOKEN_FILE";
const SERVER_ID: &str = "VAULT_AWS_SERVER_ID";
const STS_REGION: &str = "VAULT_AWS_STS_REGION";
const NAMESPACE: &str = "VAULT_NAMESPACE";
const CA: &str = "VAULT_CACERT";

/// Where Kubernetes mounts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How to reach Vault and to log in.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) method: Method,
    /// The path at which the method is mounted, its name by default.
    pub(crate) mount: String,
    /// Of Vault Enterprise and OpenBao.
    pub(crate) namespace: Option<String>,
    /// The authorities that Vault's certificate may come from; none for the system's.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// How to log in.
#[derive(Clone)]
pub(crate) enum Method {
    AppRole {
        role_id: String,
        /// A file, read at each login: whatever delivers secret ids replaces them.
        secret_id: PathBuf,
    },
    Kubernetes {
        role: String,
        /// A file, read at each login: Kubernetes replaces the token every hour.
        token: PathBuf,
    },
    /// By the AWS credentials of this process.
    AwsIam {
        role: String,
        /// What the header `X-Vault-AWS-IAM-Server-ID` must be, if Vault requires it.
        server_id: Option<String>,
        /// The region of STS; none for the global endpoint, which is Vault's default.
        region: Option<String>,
    },
    Token(Zeroizing<String>),
    /// A file, read at each login, such as one that Vault Agent writes.
    TokenFile(PathBuf),
}

impl Settings {
    /// Reads the variables. Problems are recorded there; `source` is the variable that needs them.
    pub(crate) fn read(variables: &mut Variables<'_>, source: &str) -> Option<Self> {
        const EXPECTED: &str = "approle, kubernetes, aws or token";
        if variables.optional(AUTH).is_none() {
            variables.problem(AUTH, &format!("is not set; {source} needs {EXPECTED}"));
            return None;
        }
        let name = variables.optional_with(AUTH, EXPECTED, |text| {
            let known = matches!(text, "approle" | "kubernetes" | "aws" | "token");
            known.then(|| text.to_owned())
        })?;
        let method = match name.as_str() {
            "approle" => {
                let role_id = variables.required(ROLE_ID);
                let secret_id = file(variables, SECRET_ID, None);
                secret_id.map(|secret_id| Method::AppRole { role_id, secret_id })
            }
            "kubernetes" => {
                let role = variables.required(ROLE);
                let token = file(variables, KUBERNETES, Some(SERVICE_ACCOUNT));
                token.map(|token| Method::Kubernetes { role, token })
            }
            "aws" => Some(Method::AwsIam {
                role: variables.required(ROLE),
                server_id: variables.optional(SERVER_ID),
                region: variables.optional(STS_REGION),
            }),
            _ => token(variables),
        };
        let mount = variables.optional(MOUNT).unwrap_or(name);
        let authorities = variables.optional_with(CA, "a readable file in PEM format", |path| {
            let pem = fs::read(path).ok()?;
            let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            authorities.ok().filter(|found| !found.is_empty())
        });
        Some(Self {
            method: method?,
            mount: mount.trim_matches('/').to_owned(),
            namespace: variables.optional(NAMESPACE),
            authorities: authorities.unwrap_or_default(),
        })
    }
}

impl Settings {
    /// Whether the login is by AWS credentials.
    pub(crate) const fn needs_aws(&self) -> bool {
        matches!(self.method, Method::AwsIam { .. })
    }
}

fn token(variables: &mut Variables<'_>) -> Option<Method> {
    match (variables.optional(TOKEN), variables.optional(TOKEN_FILE)) {
        (Some(token), None) => Some(Method::Token(Zeroizing::new(token.trim().to_owned()))),
        (None, Some(_)) => file(variables, TOKEN_FILE, None).map(Method::TokenFile),
        (Some(_), Some(_)) => {
            variables.problem(TOKEN, &format!("and {TOKEN_FILE} are both set"));
            None
        }
        (None, None) => {
            variables.problem(TOKEN, &format!("is not set, nor is {TOKEN_FILE}"));
            None
        }
    }
}

/// The path of a file that is readable and not empty.
fn file(variables: &mut Variables<'_>, name: &str, default: Option<&str>) -> Option<PathBuf> {
    let Some(path) = variables.optional(name).or(default.map(str::to_owned)) else {
        variables.problem(name, "is not set");
        return None;
    };
    let path = PathBuf::from(path.trim());
    match file::read(&path) {
        Ok(text) if text.is_empty() => variables.problem(name, "names an empty file"),
        Ok(_) => return Some(path),
        Err(_) => variables.problem(name, "must name a readable file"),
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let mut variables = Variables::new(|name| {
            let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        });
        let settings = Settings::read(&mut variables, "KEY_SOURCE");
        match variables.check() {
            Ok(()) => Ok(settings.unwrap()),
            Err(error) => Err(error.problems.join("\n")),
        }
    }

    #[test]
    fn every_method_names_what_it_lacks() {
        for (pairs, problem) in [
            (
                &[][..],
                "VAULT_AUTH is not set; KEY_SOURCE needs approle, kubernetes, aws or token",
            ),
            (
                &[(AUTH, "ldap")],
                "VAULT_AUTH must be approle, kubernetes, aws or token",
            ),
            (
                &[(AUTH, "approle")],
                "VAULT_ROLE_ID is not set\nVAULT_SECRET_ID_FILE is not set",
            ),
            (
                &[(AUTH, "kubernetes"), (KUBERNETES, "/nowhere")],
                "VAULT_ROLE is not set\nVAULT_KUBERNETES_TOKEN_FILE must name a readable file",
            ),
            (&[(AUTH, "aws")], "VAULT_ROLE is not set"),
            (
                &[(AUTH, "token")],
                "VAULT_TOKEN is not set, nor is VAULT_TOKEN_FILE",
            ),
            (
                &[(AUTH, "token"), (TOKEN, "hunter2"), (TOKEN_FILE, "/f")],
                "VAULT_TOKEN and VAULT_TOKEN_FILE are both set",
            ),
            (
                &[(AUTH, "aws"), (ROLE, "r"), (CA, "/nowhere")],
                "VAULT_CACERT must be a readable file in PEM format",
            ),
        ] {
            assert_eq!(read(pairs).err().unwrap(), problem);
        }
    }

    #[test]
    fn the_mount_is_the_methods_name_unless_given() {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), "id").unwrap();
        let path = file.path().to_str().unwrap();
        let approle = [(AUTH, "approle"), (ROLE_ID, "r"), (SECRET_ID, path)];
        assert_eq!(read(&approle).unwrap().mount, "approle");
        let elsewhere = [(AUTH, "aws"), (ROLE, "r"), (MOUNT, "/teams/aws/")];
        assert_eq!(read(&elsewhere).unwrap().mount, "teams/aws");
    }
}
