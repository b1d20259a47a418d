"""Rows as the product itself writes them, created with moto.

These are projects with metered keys, a team that reads its issues, and the issues of an earlier
batch.
"""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from bench.process import AWS
from bench.server import RowsByTable
from bench.team import BenchTeam, a_team
from bench.template import environment, tables
from bench.write_units import Item
from errata.config import settings
from errata.models.artifact import Artifact
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import artifacts, clients, feedback
from errata.store import projects as store
from errata.usecases import attachments, organizations, projects
from errata.usecases.projects import MAX_RATE_LIMIT, Created

_turn = threading.Lock()
_respond: Any = DynamoHandler.call_action


def _in_turn(handler: DynamoHandler) -> Any:
    """Handle one request at a time: moto copies a table while another thread changes it."""
    with _turn:
        return _respond(handler)


@contextmanager
def account(function: str) -> Iterator[None]:
    """Provide an empty account with the template's tables, and the environment of a function."""
    # moto works with botocore only.
    variables = {**AWS, **environment(function), "DYNAMODB_CLIENT": "botocore"}
    in_turn = patch.object(DynamoHandler, "call_action", _in_turn)
    with patch.dict(os.environ, variables), mock_aws(), in_turn:
        settings.cache_clear()
        clients.clear_cache()
        for table in tables():
            clients.dynamodb().create_table(**table)
        yield
    settings.cache_clear()
    clients.clear_cache()


def rows() -> RowsByTable:
    """Return all rows of the current account."""
    names = [table["TableName"] for table in tables()]
    scan = clients.dynamodb().get_paginator("scan")
    return {
        name: [as_json(item) for page in scan.paginate(TableName=name) for item in page["Items"]]
        for name in names
    }


def as_json(value: Any) -> Any:
    """Return attributes as they are sent: bytes in Base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    return value


def as_bytes(item: Item) -> Item:
    """Return an item as it was before `as_json`, with bytes in place of Base64."""
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value
        for name, value in item.items()
    }


@dataclass(frozen=True)
class Seed:
    """Rows, and what opens them: the keys of two projects, which the gateway meters, and a team.

    The organization of `limited_key` has a quota. `public_key` is in the first project's DSN,
    `busy_key` in that of `busy_project`, which has the highest rate, keeps attachments, and has had
    feedback.
    """

    rows: RowsByTable
    key: str
    limited_key: str
    public_key: str
    busy_project: str
    busy_key: str
    team: BenchTeam


def at_rest(monthly_quota: int) -> Seed:
    """Return the rows that exist before the first event."""
    with account("AuthorizerFunction"):
        limited = organizations.create("limited")
        organizations.change(limited.id, monthly_quota=monthly_quota)
        first, second = _a_project(DEFAULT_ORGANIZATION), _a_project(limited.id)
        busy = _a_project(DEFAULT_ORGANIZATION)
        projects.change(busy.project.id, MAX_RATE_LIMIT, None)
        attachments.change(busy.project.id, True)
        feedback.note(busy.project.id, now_ms())
        team = a_team(now_ms())
        keys = (first.key, second.key, first.public, busy.project.id, busy.public)
        return Seed(rows(), *keys, team)


def with_a_map(artifact: Artifact) -> tuple[RowsByTable, str, str]:
    """Return the rows of a project with a source map, its id, and the public key of its DSN.

    The project has the highest rate. The artifact is stored for it, whatever its project id is.
    """
    with account("SentryIngestFunction"):
        created = _a_project(DEFAULT_ORGANIZATION)
        projects.change(created.project.id, MAX_RATE_LIMIT, None)
        artifacts.save_artifact(replace(artifact, project_id=created.project.id))
        artifacts.note_maps(created.project.id, now_ms())
        return rows(), created.project.id, created.public


def a_project_id() -> str:
    """Return the id of a new project in the current account."""
    return _a_project(DEFAULT_ORGANIZATION).project.id


def _a_project(organization: str) -> Created:
    created = projects.create("bench", organization=organization)
    assert created
    for record in store.list_keys(created.project.id):
        store.save_usage_key(replace(record, usage_key="gateway-key-value", usage_key_id="k3y1d5"))
    return created
