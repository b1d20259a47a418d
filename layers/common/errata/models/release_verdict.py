"""Say in one sentence, with numbers, whether a release is worse than the one before."""

from dataclasses import dataclass

from errata.models.issue import Release
from errata.models.texts import cut
from errata.models.verdict import age

FIRST, WORSE, BETTER, ALIKE = "first", "worse", "better", "alike"
_HOUR_MS = 3_600_000
# A release is worse if it has at least twice as many events in an hour, and at least ten in all.
_WORSE_FACTOR, _FEW = 2, 10
# UTF-8 bytes of a release in a sentence.
_MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Brought:
    """What a release has brought: its events, and how many issues it opened or brought back."""

    release: Release
    opened: int
    regressed: int

    @property
    def an_hour(self) -> float:
        """The mean number of events in an hour, over the time that the release was seen.

        That time counts as at least an hour.
        """
        seen_ms = max(_HOUR_MS, self.release.last_seen - self.release.first_seen)
        return self.release.events * _HOUR_MS / seen_ms

    def summary(self, now_ms: int) -> str:
        """Return the numbers of its issues and events in words."""
        new = "no new issues" if not self.opened else _plural(self.opened, "new issue")
        back = f", {self.regressed:,} regressed" if self.regressed else ""
        seen = age(self.release.first_seen, now_ms)
        return f"{new}{back}, {_rate(self.an_hour)}, first seen {seen} ago"


@dataclass(frozen=True, slots=True)
class ReleaseVerdict:
    """`kind` is one of `FIRST`, `WORSE`, `BETTER` and `ALIKE`; `sentence` and `detail` say why."""

    kind: str
    sentence: str
    detail: str = ""


def compared(this: Brought, before: Brought | None, now_ms: int) -> ReleaseVerdict:
    """Return whether a release is worse than another one.

    It is worse with more new and regressed issues, or at least twice the events in an hour. It is
    better with fewer issues, and not more events in an hour.
    """
    detail = f"{_name(this)}: {this.summary(now_ms)}."
    if before is None:
        return ReleaseVerdict(
            FIRST, "The first release: there is no earlier one to compare it with", detail
        )
    detail += f" {_name(before)}: {before.summary(now_ms)}."
    factor = this.an_hour / before.an_hour if before.an_hour else 0.0
    more = this.opened + this.regressed - before.opened - before.regressed
    busier = factor >= _WORSE_FACTOR and this.release.events >= _FEW
    why = [
        f"{_plural(more, 'more new or regressed issue')}" if more > 0 else "",
        f"{factor:,.1f} \N{MULTIPLICATION SIGN} the events an hour" if busier else "",
    ]
    if any(why):
        reason = " and ".join(filter(None, why))
        return ReleaseVerdict(WORSE, f"Worse than {_name(before)}: {reason}", detail)
    if more < 0 and factor <= 1:
        reason = _plural(-more, "new or regressed issue").replace(" ", " fewer ", 1)
        return ReleaseVerdict(BETTER, f"Better than {_name(before)}: {reason}", detail)
    return ReleaseVerdict(ALIKE, f"About as good as {_name(before)}", detail)


def _name(brought: Brought) -> str:
    return cut(brought.release.release, _MAX_NAME)


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rate(an_hour: float) -> str:
    if an_hour < 1:
        return "less than one event an hour"
    return f"{_plural(round(an_hour), 'event')} an hour"
