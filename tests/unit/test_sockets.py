"""The ban on sockets in unit tests."""

import socket
import urllib.request

import pytest
from pytest_socket import SocketBlockedError


def test_a_unit_test_cannot_open_a_socket() -> None:
    # The ban warns as well, and a warning is an error here.
    with pytest.raises((SocketBlockedError, UserWarning), match="socket"):
        socket.socket()
    with pytest.raises((SocketBlockedError, UserWarning), match="socket"):
        urllib.request.urlopen("http://127.0.0.1:9/")
