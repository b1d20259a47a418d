"""Unit tests use no network: sockets are banned, unless a test asks for `socket_enabled`."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=False)
