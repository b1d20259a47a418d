"""Run what many clients do at once. The caller passes functions that send to its deployment."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

BUSY = 503


@dataclass(frozen=True)
class Replied:
    """The response to a post: status, body, and whether it was a replay."""

    status: int
    text: str
    replayed: bool


def one_key_at_once(post: Callable[[int], Replied], times: int = 200) -> str:
    """Post `times` times at once with one Idempotency-Key, and retry until nobody must retry.

    Returns the one response that all of them get.
    """

    def persist(number: int) -> Replied:
        while (response := post(number)).status == BUSY:
            pass
        return response

    responses = at_once(persist, range(times))
    assert {response.status for response in responses} == {202}
    assert sum(not response.replayed for response in responses) == 1
    (text,) = {response.text for response in responses}
    return text


def follow_while_writing(
    write: Callable[[str], int | None],
    read: Callable[[int], list[tuple[int, str]]],
    writers: int = 20,
    each: int = 5,
) -> None:
    """Poll with `since` while others write. The poller must see each error exactly once.

    `write` sends an error with this message. It returns the error's number, or None if the client
    must retry. `read` returns number and message of the errors above a number, as many as fit.
    """
    done = threading.Event()
    seen: list[tuple[int, str]] = []

    def follow() -> None:
        while True:
            last_round = done.is_set()
            found = read(seen[-1][0] if seen else 0)
            seen.extend(found)
            if last_round and not found:
                return

    with ThreadPoolExecutor(1) as poller:
        following = poller.submit(follow)
        try:
            written = at_once(lambda n: _write_some(write, f"writer {n}", each), range(writers))
        finally:
            done.set()
        following.result(timeout=120)
    sent = {number: message for some in written for number, message in some}
    assert len(sent) == writers * each
    assert [number for number, _ in seen] == list(range(1, len(sent) + 1))
    assert dict(seen) == sent


def _write_some(write: Callable[[str], int | None], name: str, each: int) -> list[tuple[int, str]]:
    written: list[tuple[int, str]] = []
    for attempt in count():
        message = f"{name}, {attempt}"
        number = write(message)
        if number is not None:
            written.append((number, message))
        if len(written) == each:
            break
    return written


@dataclass
class Cleared:
    """The result for errors that were written during a clear."""

    accepted: list[int] = field(default_factory=list)
    deleted: int = 0
    remaining: list[int] = field(default_factory=list)


def clear_while_writing(
    write: Callable[[str], int | None],
    clear: Callable[[], int | None],
    read: Callable[[], list[int]],
    writers: int = 8,
    each: int = 6,
    clears: int = 5,
) -> Cleared:
    """Clear while others write. Each accepted error must be counted as deleted or still be there.

    `clear` returns how many errors it deleted, or None if the client must retry. `read` returns the
    numbers that are left.
    """
    outcome = Cleared()

    def clear_some() -> list[int]:
        deleted: list[int] = []
        while len(deleted) < clears:
            response = clear()
            if response is not None:
                deleted.append(response)
        return deleted

    with ThreadPoolExecutor(1) as other:
        clearing = other.submit(clear_some)
        written = at_once(lambda n: _write_some(write, f"writer {n}", each), range(writers))
        outcome.deleted = sum(clearing.result(timeout=120))
    outcome.accepted = sorted(number for some in written for number, _ in some)
    outcome.remaining = read()
    assert outcome.accepted == list(range(1, writers * each + 1))
    assert outcome.deleted + len(outcome.remaining) == len(outcome.accepted)
    # A clear hides everything up to a number, so only the last errors remain.
    assert outcome.remaining == outcome.accepted[outcome.deleted :]
    return outcome


def at_once[T](do: Callable[[int], T], numbers: Iterable[int]) -> list[T]:
    """Call it with every number, in as many threads, all released together."""
    wanted = list(numbers)
    barrier = threading.Barrier(len(wanted))

    def start(number: int) -> T:
        barrier.wait(timeout=60)
        return do(number)

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(start, wanted))
