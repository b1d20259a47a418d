"""What commands and functions of the local stack inherit from the developer's environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.errors import InUseError, PortTakenError, ToolError
from dev.ministack import server_environment
from dev.process import (
    BIN,
    AwsCredentials,
    held,
    local_aws,
    new_credentials,
    run_tool,
    tool_environment,
)

ROOT_USER = AwsCredentials("AKIALOCAL", "hush")
DEVELOPERS = {
    "AWS_PROFILE": "production",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_ENDPOINT_URL_S3": "https://elsewhere",
    "SAM_CLI_TELEMETRY": "on",
    "PYTHONPATH": "/somewhere",
    "PATH": "/usr/bin",
    "HTTPS_PROXY": "http://proxy",
}


def test_commands_inherit_nothing_of_the_developer_s_aws_account() -> None:
    environment = tool_environment(DEVELOPERS) | local_aws("http://127.0.0.1:4566", ROOT_USER)

    assert "production" not in environment.values()
    assert "real" not in environment.values()
    assert "AWS_ENDPOINT_URL_S3" not in environment
    assert environment["AWS_CONFIG_FILE"] == "/dev/null"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


def test_commands_keep_the_proxy_and_find_our_python_first() -> None:
    environment = tool_environment(DEVELOPERS)

    assert environment["HTTPS_PROXY"] == "http://proxy"
    assert environment["PATH"] == f"{BIN}:/usr/bin"
    assert environment["SAM_CLI_TELEMETRY"] == "0"


def test_functions_inherit_no_variable_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEVELOPERS.items():
        monkeypatch.setenv(name, value)

    environment = server_environment(4566, Path("/scratch"), None, ROOT_USER)

    assert not set(environment.values()) & set(DEVELOPERS.values())


def test_the_emulator_listens_on_loopback_and_enforces_policies() -> None:
    environment = server_environment(4700, Path("/scratch"), None, ROOT_USER)

    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["GATEWAY_PORT"] == "4700"
    assert environment["AUTH"] == "true"


def test_data_is_kept_only_with_a_state_folder() -> None:
    passing = server_environment(4700, Path("/scratch"), None, ROOT_USER)
    kept = server_environment(4700, Path("/scratch"), Path("/state"), ROOT_USER)

    assert "PERSIST_STATE" not in passing
    assert passing["STATE_DIR"] == "/scratch"
    assert passing["S3_DATA_DIR"].startswith("/scratch")
    assert kept["PERSIST_STATE"] == "1"
    assert kept["STATE_DIR"] == "/state"
    assert kept["S3_DATA_DIR"].startswith("/state")


def test_a_command_returns_what_it_wrote() -> None:
    assert run_tool("echo", ["echo", "hello"], tool_environment(DEVELOPERS)) == "hello\n"


def test_a_failed_command_is_reported_with_all_of_its_output() -> None:
    with pytest.raises(ToolError, match="the tool failed") as failure:
        run_tool("the tool", ["sh", "-c", "echo out; echo err >&2; exit 3"], DEVELOPERS)

    assert failure.value.output == "out\nerr\n"


def test_a_taken_port_is_named_with_a_free_one() -> None:
    assert str(PortTakenError(4566)).startswith("Port 4566 is in use.")
    assert "make run PORT=4567" in str(PortTakenError(4566))
    assert "make run PORT=65534" in str(PortTakenError(65535))
    wanted = (4566, 4567, 4568)
    assert "The stack needs 4566 to 4568." in str(PortTakenError(4567, wanted))
    assert "make run PORT=4568," in str(PortTakenError(4567, wanted))
    assert "make run PORT=65530," in str(PortTakenError(65534, (65533, 65534, 65535)))


def test_each_stack_has_credentials_of_its_own_that_are_not_printed() -> None:
    first, second = new_credentials(), new_credentials()

    assert first.access_key_id != second.access_key_id
    assert first.secret_access_key != second.secret_access_key
    assert len(first.secret_access_key) == 40
    assert first.secret_access_key not in repr(first)
    assert server_environment(1, Path("/s"), None, first) | first.variables() == (
        server_environment(1, Path("/s"), None, first)
    )


def test_a_lock_is_held_once_and_ends_with_its_last_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with held(lock) as descriptor:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
        with pytest.raises(InUseError, match=f"process {os.getpid()}"), held(lock):
            pass
    # The emulator still saves the data of a run that was killed.
    with pytest.raises(InUseError), held(lock):
        pass
    child.kill()
    child.communicate()
    with held(lock):
        pass


def test_a_slow_tool_is_reported_as_still_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dev.process.STILL_S", 0.1)
    messages: list[str] = []
    command = [sys.executable, "-c", "import time; time.sleep(0.35); print('built')"]

    assert run_tool("sam build", command, {}, say=messages.append) == "built\n"
    assert messages
    assert set(messages) == {"  sam build is still running (0 s)"}
