"""API Gateway as operators and the dashboard know it: the API of a stack, and its keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gateway:
    """The API of a stack. The stack's outputs have these values, and each request has them.

    `may_list` is whether the caller may list the account's gateway keys. An operator may. The
    dashboard's function may not, because IAM cannot hide the values of the keys from it. Without
    it, only a limited number of usage plans may be created.
    """

    stack: str
    api_id: str
    stage: str
    may_list: bool = False


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key of API Gateway, without its value. `created_at` in milliseconds since the epoch."""

    id: str
    name: str
    created_at: int
