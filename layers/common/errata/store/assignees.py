"""Find who assignees are, and which issues are assigned to them.

The rows of users and teams are described in `errata.store.members`, the assignee rows of issues in
`errata.store.ranks`.
"""

from collections.abc import Callable, Iterable

from errata.config import settings
from errata.models.assignee import Assigned, email_of, of_member, of_team, team_of
from errata.models.visible import Visible
from errata.store import clients, members, ranks
from errata.store.items import DynamoRequest, TypedItem, batch_get, key_begin, read_all, write_all
from errata.store.values import IssuesWithValue

# About how many bytes a row has beside its sort key.
_ROW_BYTES = 40


def find_assigned(organization_id: str, assignees: Iterable[str]) -> dict[str, Assigned]:
    """Return the member or team behind each assignee, by assignee. Access pattern P61.

    Reads consistently. The name of a team that was deleted is its id.
    """
    found: dict[str, Assigned] = {}
    keys: list[TypedItem] = []
    for each in dict.fromkeys(filter(None, assignees)):
        if team_id := team_of(each):
            found[each] = Assigned(each, team_id, gone=True)
            keys.append(members.team_key(organization_id, team_id))
        else:
            found[each] = Assigned(each, email_of(each), gone=True)
            keys.append(members.user_key(email_of(each)))
    for item in map(read_all, batch_get(settings().projects_table, keys)):
        if item["sk"] == "user":
            user = members.to_user(item)
            if organization_id in user.memberships:
                assignee = of_member(user.email)
                found[assignee] = Assigned(assignee, user.email)
        else:
            assignee = of_team(item["sk"].removeprefix("team#"))
            found[assignee] = Assigned(assignee, item["name"])
    return found


def issues_of(
    visible: Visible, begin: str, matches: Callable[[str], bool], most: int
) -> IssuesWithValue:
    """Return the ids of the issues whose assignee begins with `begin` and matches.

    Reads about `most` bytes, at most 1 MB more. May include issues that have another assignee by
    now. Access pattern I38.
    """
    found: dict[str, int] = {}
    size = 0
    prefix = ranks.assigned_prefix("")
    request: DynamoRequest = {}
    while size < most:
        page = clients.dynamodb().query(
            TableName=settings().issues_table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :begin)",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(
                {":pk": visible.partition, ":begin": key_begin(ranks.assigned_prefix(begin))}
            ),
            ProjectionExpression="sk, #ttl",
            **request,
        )
        for item in page["Items"]:
            size += _ROW_BYTES + len(item["sk"]["S"])
            assignee, _, issue_id = item["sk"]["S"].removeprefix(prefix).rpartition("#")
            if int(item["ttl"]["N"]) > visible.now_s and matches(assignee):
                found[issue_id] = 0
        if "LastEvaluatedKey" not in page:
            return IssuesWithValue(found, True, size)
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return IssuesWithValue(found, False, size)
