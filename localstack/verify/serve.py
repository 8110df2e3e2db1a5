"""Runs LocalStack 4.14.0 without Docker.

When a function is created, LocalStack downloads a program and pulls an image for its calls. Without
Docker that fails, and with it the function and the stack. So this skips the preparation: functions
can be created, but not called.
"""

from localstack.runtime.main import main
from localstack.services.lambda_.invocation.docker_runtime_executor import DockerRuntimeExecutor

DockerRuntimeExecutor.prepare_version = classmethod(lambda cls, function_version: None)

if __name__ == "__main__":
    main()
