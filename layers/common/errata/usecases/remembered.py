"""What a process remembers of the store: for 30 seconds, so that a change acts within that."""

from collections.abc import Callable

REMEMBERED_MS = 30_000


class Remembered[T]:
    """The last answers of a look-up, by name; at most `most`, then it begins anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: dict[str, tuple[int, T]] = {}

    def get(self, name: str, now_ms: int, look_up: Callable[[], T]) -> T:
        """The remembered answer, or what `look_up` answers now."""
        remembered = self._answers.get(name)
        if remembered and remembered[0] > now_ms:
            return remembered[1]
        answer = look_up()
        if len(self._answers) >= self._most:
            self._answers.clear()
        self._answers[name] = (now_ms + REMEMBERED_MS, answer)
        return answer

    def forget_if(self, name: str, answer: T) -> None:
        """Drop an answer, if it is that one."""
        if name in self._answers and self._answers[name][1] is answer:
            del self._answers[name]

    def forget(self, name: str = "") -> None:
        """Drop one answer, or all."""
        if name:
            self._answers.pop(name, None)
        else:
            self._answers.clear()
