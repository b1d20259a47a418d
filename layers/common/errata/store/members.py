"""ProjectsTable: users, and what they are in organizations.

| item | pk | sk | attributes |
|---|---|---|---|
| user | `user#<hash of the e-mail>` | `user` | email, orgs |
| member | `org#3` | `member#<e-mail>` | that the user's item names this organization |

`orgs` maps an organization's id to `role` and `teams`, whose ids are joined by commas. The user's
item alone says what somebody may do; the other one lets an organization's members be listed.
"""

import hashlib

from errata.models.member import Membership, User
from errata.store.attributes import Item


def user_hash(email: str) -> str:
    """What stands for a user in keys and cookies; `email` in lower case."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def to_user(item: Item) -> User:
    """The user in an item of plain values."""
    memberships = {
        organization: Membership(
            found["role"], frozenset(filter(None, found.get("teams", "").split(",")))
        )
        for organization, found in item.get("orgs", {}).items()
    }
    return User(item["email"], memberships)
