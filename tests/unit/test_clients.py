"""The AWS clients of a process."""

from collections.abc import Iterator

import botocore.session
import pytest

from errata.store import clients


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[botocore.session.Session]]:
    """Return every session that the clients have created."""
    made: list[botocore.session.Session] = []
    make = botocore.session.get_session

    def get_session() -> botocore.session.Session:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(botocore.session, "get_session", get_session)
    clients.clear_cache()
    yield made
    clients.clear_cache()


def test_all_clients_come_from_one_session(sessions: list[botocore.session.Session]) -> None:
    assert clients.dynamodb() is clients.dynamodb()
    assert clients.dynamodb_once() is not clients.dynamodb()
    clients.sqs()
    assert len(sessions) == 1


def test_new_credentials_and_region_apply_after_the_cache_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert clients.sqs().meta.region_name == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    clients.clear_cache()
    assert clients.sqs().meta.region_name == "eu-west-1"
    signer = clients.sqs()._request_signer  # type: ignore[attr-defined]
    assert signer._credentials.access_key == "another"
