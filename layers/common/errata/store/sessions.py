"""IdempotencyTable: sessions of the dashboard, and the first read of every dashboard page.

| item | pk | attributes |
|---|---|---|
| session | `session#<SHA-256 of secret>` | email, client, refresh_token, fresh_until, expires_at |

`ttl` is in seconds. Only the browser's cookie has the secret. So the rows of the table do not let
anybody sign in.
"""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from errata.config import settings
from errata.errors import ConditionFailedError, UnavailableError
from errata.models.event import Stored
from errata.models.issue import Issue
from errata.models.member import Session, User
from errata.models.organization import Organization
from errata.models.project import Project
from errata.models.views import Views
from errata.models.visible import Watermark
from errata.store import clients, events, members, organizations, views, watermarks
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import PlainItem, TypedItem, batch_get_tables, read_all, write_all
from errata.store.project_items import to_project
from errata.store.retry import attempts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """What `open_page` read for a dashboard page. None means that it does not exist."""

    session: Session | None
    user: User | None
    project: Project | None
    organization: Organization | None
    watermark: Watermark
    event: Stored | None
    own_views: Views = field(default_factory=Views)
    shared_views: Views = field(default_factory=Views)


def save(session: Session) -> None:
    """Store a new session. Access pattern K8."""
    clients.dynamodb().put_item(TableName=settings().idempotency_table, Item=_item(session))


def renew(session: Session) -> bool:
    """Store new tokens of a session. Returns False if the session has ended. Access pattern K11."""
    try:
        clients.dynamodb().put_item(
            TableName=settings().idempotency_table,
            Item=_item(session),
            ConditionExpression="attribute_exists(pk)",
        )
    except ConditionFailedError:
        return False
    return True


def remove(secret: str) -> None:
    """End a session at once. Access pattern K9."""
    clients.dynamodb().delete_item(TableName=settings().idempotency_table, Key=_key(secret))


def open_page(
    secret: str,
    user_hash: str,
    project_id: str = "",
    organization_id: str = "",
    event_id: str = "",
    *,
    with_views: bool = False,
) -> OpenedPage:
    """Read a session, its user, and the project, event or organization of a page.

    With `with_views`, also reads the views of the user and of the project. One call reads three
    tables consistently, so nobody sees another page after the end of a session or a removal. Access
    pattern K10.

    Raises:
        UnavailableError: DynamoDB left keys unread after several tries.
    """
    table = settings()
    wanted: dict[str, list[TypedItem]] = {
        table.idempotency_table: [_key(secret)],
        table.projects_table: [write_all({"pk": f"user#{user_hash}", "sk": "user"})],
        table.events_table: [],
    }
    if organization_id:
        key = write_all({"pk": f"org#{organization_id}", "sk": "org"})
        wanted[table.projects_table].append(key)
    if project_id:
        key = write_all({"pk": f"project#{project_id}", "sk": "project"})
        wanted[table.projects_table].append(key)
        wanted[table.events_table].append(watermarks.watermark_key(project_id))
    if event_id:
        wanted[table.events_table].append(write_all({"pk": project_id, "sk": event_id}))
    if with_views:
        wanted[table.projects_table].append(views.key(f"user#{user_hash}"))
        if project_id:
            wanted[table.projects_table].append(views.key(f"project#{project_id}"))
    found = _read(wanted)
    saved = {
        item["pk"]["S"].partition("#")[0]: views.to_views(read_all(item))
        for item in found[table.projects_table]
        if item["sk"]["S"] == "views"
    }
    of_projects = {item["sk"]["S"]: read_all(item) for item in found[table.projects_table]}
    of_events = {item["sk"]["S"]: item for item in found[table.events_table]}
    sessions = [read_all(item) for item in found[table.idempotency_table]]
    return OpenedPage(
        session=_to_session(secret, sessions[0]) if sessions else None,
        user=members.to_user(of_projects["user"]) if "user" in of_projects else None,
        project=to_project(of_projects["project"]) if "project" in of_projects else None,
        organization=(
            organizations.to_organization(of_projects["org"]) if "org" in of_projects else None
        ),
        watermark=watermarks.to_watermark(of_events["clear"])
        if "clear" in of_events
        else Watermark(),
        event=(
            events.stored(of_events[event_id])
            if events.is_kept_in_full(of_events.get(event_id, {}))
            else None
        ),
        own_views=saved.get("user", Views()),
        shared_views=saved.get("project", Views()),
    )


def glance(secret: str, partition: str, issue_id: str) -> tuple[Session | None, Issue | None]:
    """Read a session and an issue, and nothing else. Access pattern K14.

    Makes one eventually consistent call. It costs one read unit if the row of the issue has at most
    4 KB. The issue may be hidden.
    """
    table = settings()
    key = write_all({"pk": partition, "sk": f"issue#{issue_id}"})
    wanted = {table.idempotency_table: [_key(secret)], table.issues_table: [key]}
    found = batch_get_tables(wanted, consistent=False)
    sessions = [_to_session(secret, read_all(each)) for each in found[table.idempotency_table]]
    issues = [to_issue(read_all(each)) for each in found[table.issues_table] if is_issue(each)]
    return sessions[0] if sessions else None, issues[0] if issues else None


def _read(wanted: dict[str, list[TypedItem]]) -> dict[str, list[TypedItem]]:
    found: dict[str, list[TypedItem]] = {table: [] for table in wanted}
    pending: dict[str, KeysAndAttributesTypeDef] = {
        table: {"Keys": keys, "ConsistentRead": True} for table, keys in wanted.items() if keys
    }
    for _ in attempts():
        response: Any = clients.dynamodb().batch_get_item(RequestItems=pending)
        for table, items in response["Responses"].items():
            found[table] += items
        pending = response.get("UnprocessedKeys", {})
        if not pending:
            return found
    raise UnavailableError


def _key(secret: str) -> TypedItem:
    return write_all({"pk": f"session#{hashlib.sha256(secret.encode()).hexdigest()}"})


def _item(session: Session) -> TypedItem:
    return _key(session.secret) | write_all(
        {
            "email": session.email,
            "client": session.client,
            "refresh_token": session.refresh_token,
            "fresh_until": session.fresh_until,
            "expires_at": session.expires_at,
            "ttl": session.expires_at // 1000,
        }
    )


def _to_session(secret: str, item: PlainItem) -> Session:
    return Session(
        secret=secret,
        email=item["email"],
        client=item["client"],
        refresh_token=item["refresh_token"],
        fresh_until=item["fresh_until"],
        expires_at=item["expires_at"],
    )
