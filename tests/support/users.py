"""Users whose number the sketch of an issue estimates too low."""

from errata.models import sketch


def ids_of_three_by_estimate() -> list[str]:
    """Return the ids of four users that the estimate takes for three."""
    groups = ([f"{n}-{one}" for one in range(4)] for n in range(2_000))
    return next(ids for ids in groups if sketch.estimate(sketch.add(b"", map(_name, ids))) == 3)


def _name(user_id: str) -> str:
    return f"id:{user_id}"
