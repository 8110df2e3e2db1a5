"""LocalStack 4.14.0 without Docker, for the check beside this file.

LocalStack prepares a function for its calls when it is made: it downloads a program and pulls
an image. Neither is of use without Docker, and without them the function would count as failed,
and with it the stack. So nothing is prepared here: functions are configured, and calling one
fails.
"""

from localstack.runtime.main import main
from localstack.services.lambda_.invocation.docker_runtime_executor import DockerRuntimeExecutor

DockerRuntimeExecutor.prepare_version = classmethod(lambda cls, function_version: None)

if __name__ == "__main__":
    main()
