"""The current code is deployed over the previous release while clients continue to send.

MiniStack hides some of what AWS does in a second deployment: it replaces functions at once, where
AWS lets old and new execution environments respond side by side; it does not stop and resume a
stream's trigger; and it accepts what CloudFormation would refuse or replace, which
`tests/unit/test_template_upgrade.py` compares instead.
"""

import hashlib
import tarfile
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import requests

from dev.stack import LocalStack
from errata.usecases import issues, loss_ledger, projects
from tests.support import sdk
from tests.support.deployed import eventually
from tests.support.template import ROOT
from tests.support.visible import visible_in
from tests.upgrades.release import HERE, newest

# What one sender sends at most, however long the deployment takes.
MOST = 400
TRIES = 200


def unpacked(archive: Path) -> Path:
    """Return a folder with the files of an archive. It stays, and with it what is built of them."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    folder = ROOT / ".aws-sam" / "releases" / digest
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        with tarfile.open(archive) as files:
            files.extractall(draft, filter="data")
        draft.rename(folder)
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of the previous release, used only by this file."""
    log = tmp_path_factory.mktemp("stack") / "ministack.log"
    with LocalStack(log=log, source=unpacked(HERE / newest() / "source.tar.gz")) as running:
        yield running


class Sender:
    """A client that sends until each event is accepted: every repetition counts as one event."""

    def __init__(self, stack: LocalStack, key: str, project_id: str, public: str) -> None:
        self.api_url = stack.api_url
        self.key, self.project_id, self.public = key, project_id, public
        self.sent: Counter[str] = Counter()

    def ingest(self, issue: str) -> None:
        headers = {"X-Api-Key": self.key, "Idempotency-Key": uuid.uuid4().hex}
        event = {"message": "boom", "fingerprint": issue, "environment": issue}
        self._until_accepted("/api/ingest", headers, event)
        self.sent[issue] += 1

    def envelope(self, issue: str) -> None:
        event = sdk.event(fingerprint=[issue], environment=issue)
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={self.public}"}
        path = f"/api/{self.project_id}/envelope/"
        self._until_accepted(path, headers, sdk.of_event(event))
        self.sent[issue] += 1

    def _until_accepted(self, path: str, headers: dict[str, str], body: object) -> None:
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        problem: object = None
        for _ in range(TRIES):
            try:
                response = requests.post(self.api_url + path, headers=headers, timeout=30, **sent)
            except requests.RequestException as error:
                problem = error
            else:
                if response.ok:
                    return
                problem = response.text
            time.sleep(0.1)
        raise AssertionError(f"{path} was not accepted: {problem}")


def test_events_that_are_sent_during_an_upgrade_are_counted_exactly(stack: LocalStack) -> None:
    url = f"{stack.api_url}/api.php"
    key = requests.get(f"{url}?action=generate&name=shop", timeout=30).json()["hash"]
    (project,) = projects.list_projects()
    projects.change(project.id, projects.MAX_RATE_LIMIT, None)
    (public,) = (each.public for each in projects.list_keys(project.id) if each.public)

    def submit(number: int) -> None:
        error = {"hash": key, "level": "Error", "message": "legacy"}
        response = requests.post(url, json=error, timeout=30)
        assert response.json() == {"ok": True, "id": number}

    senders = [Sender(stack, key, project.id, public) for _ in range(2)]
    for number in range(1, 6):
        submit(number)
        senders[0].ingest("before")
        senders[1].envelope("before, by an SDK")

    done = threading.Event()
    failures: list[BaseException] = []

    def send(one: Sender, how: str) -> None:
        try:
            for number in count():
                if done.is_set() or number == MOST:
                    return
                getattr(one, how)(f"during {number % 3}, {how}")
                time.sleep(0.05)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=send, args=each)
        for each in zip(senders, ("ingest", "envelope"), strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        stack.update()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    for number in range(6, 9):
        submit(number)
        senders[0].ingest("before")
        senders[1].envelope("before, by an SDK")

    sent = senders[0].sent + senders[1].sent + Counter({"legacy": 8})
    assert sum(number for name, number in sent.items() if name.startswith("during")) > 10

    def counted() -> Counter[str]:
        found: Counter[str] = Counter()
        for issue in issues.list_issues(visible_in(project.id)):
            # Each issue's events name it as their environment; those of scripts have none.
            found["".join(issue.environments) or "legacy"] += issue.count
        return found

    assert eventually(counted, lambda found: found == sent) == sent
    assert (
        sum(each for each, _ in loss_ledger.by_day(visible_in(project.id), 2).values())
        == sent.total()
    )
