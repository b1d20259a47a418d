"""Ids of projects that exist only while `errata doctor` runs.

They are far above the ids of other projects, which are counted from 1. So they use up none of those
ids, and nothing that a temporary project leaves behind can get into a project that is restored.
"""

import re
import secrets

_ID = re.compile(r"9[0-9]{11}")


def new_id() -> str:
    """Return a random id of 12 digits, which is as long as ids may be."""
    return str(9 * 10**11 + secrets.randbelow(10**11))


def is_id(project_id: str) -> bool:
    """Return whether this is the id of a temporary project."""
    return _ID.fullmatch(project_id) is not None
