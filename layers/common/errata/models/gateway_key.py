"""API Gateway as operators and the dashboard know it: the API of a stack, and its keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gateway:
    """The API of a stack. The stack's outputs have these values, and each request has them."""

    stack: str
    api_id: str
    stage: str


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key of API Gateway, without its value. `created_at` in milliseconds since the epoch."""

    id: str
    name: str
    created_at: int
