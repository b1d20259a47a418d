"""The local stack checks all its ports before it builds anything."""

import socket

import pytest

from dev.errors import PortTakenError
from dev.ministack import choose_ports


def test_all_ports_of_the_stack_are_checked() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {taken} is in use. The stack needs"):
            choose_ports(taken - 2, 3)
    assert len(set(choose_ports(0, 3))) == 3
