//! A stack whose functions are deployed through CloudFormation rather than started directly.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{Description, Stack, control, parts::Part};
use crate::deploy::{self, LOCAL_CREDENTIALS, Outputs, Target};

/// Where a stack's functions are deployed to, and the outputs.
pub(super) struct Deployment {
    target: Target,
    /// Parameters of the template, in addition to the target's.
    parameters: Vec<String>,
    /// `None` before the deployment.
    outputs: Option<Outputs>,
}

impl Stack {
    /// The same, with its functions deployed.
    pub(crate) fn deployed_to(self, target: Target, parameters: Vec<String>) -> Self {
        Self {
            deployment: Some(Deployment {
                target,
                parameters,
                outputs: None,
            }),
            ..self
        }
    }

    /// The parts that start first, in parallel.
    pub(super) fn stores(&self) -> Vec<Part> {
        let mut stores = vec![Part::Kafka, Part::Postgres];
        if self.has_local_aws() {
            stores.push(Part::Ministack);
        }
        if self.cache().is_some() {
            stores.extend([Part::Cache, Part::SecondCache]);
        }
        stores
    }

    /// The parts that start after the stores.
    pub(super) fn servers(&self) -> Vec<Part> {
        match self.deployment {
            None => vec![Part::Functions, Part::Api, Part::EventSource, Part::Gateway],
            Some(_) => vec![Part::Gateway],
        }
    }

    fn has_local_aws(&self) -> bool {
        match &self.deployment {
            None => true,
            Some(deployment) => matches!(deployment.target, Target::Local { .. }),
        }
    }

    /// The steps of `prepare`; with a deployment, CloudFormation does the rest.
    pub(super) fn preparations(&self) -> &'static [&'static str] {
        match self.deployment {
            None => &[],
            Some(_) => &["key-files", "topics"],
        }
    }

    /// Whether the local AWS runs the functions, and so keeps nothing over a crash
    /// ([`Stack::run_functions_in`]).
    pub(super) fn loses_deployment(&self) -> bool {
        self.deployment.is_some() && self.has_local_aws()
    }

    /// Deploys the functions if the stack has a deployment.
    pub(super) fn deploy(&mut self) -> Result<()> {
        let Some(deployment) = &self.deployment else {
            return Ok(());
        };
        let log = self.logs.join("deploy.log");
        let database = self.description().database_url;
        let mut parameters = Vec::new();
        if self.has_local_aws() {
            // Where the gateway serves the web app.
            parameters.push(format!("WebOrigin=http://localhost:{}", self.ports.gateway));
        }
        parameters.extend(deployment.parameters.iter().cloned());
        let outputs = deploy::up(
            &deployment.target,
            &self.environment()?,
            &parameters,
            &database,
            &log,
        )?;
        if let Some(deployment) = &mut self.deployment {
            deployment.outputs = Some(outputs);
        }
        Ok(())
    }

    /// Endpoint and credentials; empty for AWS itself, which the user's variables configure.
    pub(super) fn aws_variables(&self, description: &Description) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        if self.has_local_aws() {
            variables.extend(local_credentials());
        }
        if !description.aws_endpoint.is_empty() {
            variables.extend([
                ("AWS_ENDPOINT_URL", description.aws_endpoint.clone()),
                (
                    "AWS_ENDPOINT_URL_LAMBDA",
                    description.lambda_endpoint.clone(),
                ),
            ]);
        }
        if let Some(outputs) = self.outputs() {
            variables.extend([
                ("FUNCTION_PREFIX", outputs.function_prefix.clone()),
                ("FUNCTION_ALIAS", outputs.function_alias.clone()),
            ]);
        }
        variables
    }

    fn outputs(&self) -> Option<&Outputs> {
        self.deployment.as_ref()?.outputs.as_ref()
    }

    /// Adapts the description of a stack to its deployment.
    pub(super) fn describe_deployment(&self, description: &mut Description) {
        let Some(deployment) = &self.deployment else {
            return;
        };
        match &deployment.target {
            Target::Local { .. } => {}
            Target::Endpoint(url) => description.aws_endpoint = url.clone(),
            Target::Aws => description.aws_endpoint = String::new(),
        }
        description.lambda_endpoint = description.aws_endpoint.clone();
        if let Some(outputs) = &deployment.outputs {
            description.rest_url = outputs.endpoint.clone();
            description.users_table = outputs.users_table.clone();
            description.pictures_table = outputs.pictures_table.clone();
            description.pictures_bucket = outputs.pictures_bucket.clone();
            description.call_log_queue_url = outputs.call_log_queue_url.clone();
            description.derive_queue_url = outputs.derive_queue_url.clone();
        }
    }

    /// Makes the local AWS run the functions. It doesn't keep its state, since it would write the
    /// functions' code to disk every few seconds.
    pub(super) fn run_functions_in(&self, ministack: &mut Command) {
        let Some(Deployment {
            target: Target::Local { enforce_iam },
            ..
        }) = self.deployment
        else {
            return;
        };
        for variable in ["SERVICES", "PERSIST_STATE", "S3_PERSIST"] {
            ministack.env_remove(variable);
        }
        let description = self.description();
        ministack
            .envs(self.aws_variables(&description))
            .env("AUTH", enforce_iam.to_string());
    }
}

fn local_credentials() -> impl Iterator<Item = (&'static str, String)> {
    LOCAL_CREDENTIALS
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
}

/// The name of the running stack: a deployed one if there is one, or else `up`.
pub(crate) fn in_use() -> &'static str {
    let local = Target::Local { enforce_iam: false };
    [local, Target::Endpoint(String::new()), Target::Aws]
        .iter()
        .map(Target::stack)
        .find(|name| control::ask(&Stack::state(name), "status").is_ok())
        .unwrap_or("up")
}

/// Deploys again to the target of the running stack.
pub(crate) fn deploy_again(target: &Target, parameters: &[String]) -> Result<()> {
    let name = target.stack();
    let description = Description::read(name)?;
    if let Target::Endpoint(url) = target {
        let used = &description.aws_endpoint;
        ensure!(
            url == used,
            "the running stack was deployed to {used}: stop it, or use --endpoint {used}"
        );
    }
    let mut variables = vec![
        ("TOKEN_JWKS_FILE", description.token_jwks_file),
        ("TOKEN_KEY_FILE", description.token_key_file),
    ];
    if matches!(target, Target::Local { .. }) {
        variables.extend(local_credentials());
    }
    if !description.aws_endpoint.is_empty() {
        variables.push(("AWS_ENDPOINT_URL", description.aws_endpoint));
    }
    let log = Stack::logs(name).join("deploy.log");
    deploy::up(
        target,
        &variables,
        parameters,
        &description.database_url,
        &log,
    )
    .map(|_| ())
}
