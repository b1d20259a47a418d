"""Unit tests reach nobody: sockets are banned, but for a test that asks for `socket_enabled`."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=False)
