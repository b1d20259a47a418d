"""A measured value with its limit, and how it was measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Yardstick:
    """One line of the table. `note` says what was measured, and how much it varied."""

    name: str
    measured: str
    bound: str
    passed: bool
    note: str = ""


def at_most(name: str, measured: float, bound: float, note: str = "") -> Yardstick:
    """Return a yardstick with an upper limit."""
    return Yardstick(name, _number(measured), f"≤ {_number(bound)}", measured <= bound, note)


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value}"


def as_json(yardstick: Yardstick) -> dict[str, object]:
    """Return a yardstick as JSON has it. Values and limits are numbers if they can be."""
    value, bound = (_parsed(text) for text in (yardstick.measured, yardstick.bound))
    return {"name": yardstick.name, "value": value, "bound": bound, "ok": yardstick.passed}


def _parsed(text: str) -> float | str:
    try:
        return float(text.removeprefix("≤ "))
    except ValueError:
        return text


def table_line(yardstick: Yardstick) -> str:
    """Return a yardstick as a line of the table, with its note below."""
    verdict = "PASS" if yardstick.passed else "FAIL"
    text = f"{verdict}  {yardstick.name:<66}{yardstick.measured:>9}  {yardstick.bound}"
    return text + (f"\n      {yardstick.note}" if yardstick.note else "")
