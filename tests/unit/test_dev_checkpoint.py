"""How the local AWS saves its data while it runs."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dev.checkpoint import IDLE_S, LATEST_S, Checkpoint, Pacer


def checkpoint(folder: Path) -> Checkpoint:
    """Return a checkpoint on a stand-in for MiniStack's module of persistence."""

    def as_it_is(found: object) -> object:
        return found

    def version(service: str) -> int:
        return 2

    def old(service: str) -> str:
        return f"old {service}"

    persistence: Any = SimpleNamespace(
        _state_format_version=version,
        _json_default=str,
        _json_object_hook=as_it_is,
        load_state=old,
    )
    return Checkpoint(folder, persistence)


def save(folder: Path, **states: Any) -> None:
    """Save these services as a process of its own would."""
    checkpoint(folder).save({name: partial(dict.get, states, name) for name in states})


def test_saved_states_are_loaded(tmp_path: Path) -> None:
    save(tmp_path / "state", dynamodb={"tables": ["events"]}, sqs={"queues": []})
    loaded = checkpoint(tmp_path / "state")
    assert loaded.load("dynamodb") == {"tables": ["events"]}
    assert loaded.load("sqs") == {"queues": []}
    assert loaded.load("sns") is None


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    save(tmp_path, sqs={})
    assert checkpoint(tmp_path).file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("torn", [b"", b'{"dynamodb": {"__mini', b"\xff\xfe\x00", b"[]"])
def test_a_torn_file_is_replaced_by_the_one_before(tmp_path: Path, torn: bytes) -> None:
    save(tmp_path, sqs=1)
    save(tmp_path, sqs=2)
    checkpoint(tmp_path).file.write_bytes(torn)
    assert checkpoint(tmp_path).load("sqs") == 1


def test_a_torn_file_without_one_before_loads_no_data(tmp_path: Path) -> None:
    checkpoint(tmp_path).file.write_bytes(b"{")
    assert checkpoint(tmp_path).load("sqs") is None


def test_a_save_that_fails_leaves_the_file_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, sqs=1)

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, sqs=2)
    assert checkpoint(tmp_path).load("sqs") == 1


def test_data_of_the_previous_version_is_loaded(tmp_path: Path) -> None:
    assert checkpoint(tmp_path).load("sqs") == "old sqs"


def test_data_of_a_newer_version_is_not_loaded(tmp_path: Path) -> None:
    save(tmp_path, sqs=1)
    loaded = checkpoint(tmp_path)
    text = loaded.file.read_text().replace('"__ministack_format__": 2', '"__ministack_format__": 3')
    loaded.file.write_text(text)
    assert loaded.load("sqs") is None


def test_a_service_that_cannot_be_read_keeps_its_saved_state(tmp_path: Path) -> None:
    running = checkpoint(tmp_path)
    tries: list[int] = []

    def changing() -> dict[str, int]:
        tries.append(1)
        raise RuntimeError("dictionary changed size during iteration")

    running.save({"sqs": lambda: 1, "sns": lambda: 1, "ssm": lambda: 1})
    running.save({"sqs": changing, "sns": lambda: None, "ssm": lambda: 1 / 0})

    saved = json.loads(running.file.read_text())
    assert [saved[name]["payload"] for name in ("sqs", "sns", "ssm")] == [1, 1, 1]
    assert len(tries) == 3


def test_a_save_is_due_once_after_calls_pause() -> None:
    pacer = Pacer()
    assert not pacer.due(100)
    pacer.note(100)
    assert not pacer.due(100 + IDLE_S / 2)
    assert pacer.due(100 + IDLE_S)
    assert not pacer.due(200)


def test_a_save_is_due_regularly_even_if_calls_never_pause() -> None:
    pacer = Pacer()
    saves = 0
    for tenth in range(int(LATEST_S * 10) * 3):
        pacer.note(tenth / 10)
        saves += pacer.due(tenth / 10)
    assert saves == 2
