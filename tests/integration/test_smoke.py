from errata.usecases import issues

from tests.support import stream
from tests.support.gateway import call


def test_way(project):
    pid, key = project
    r = call(
        "POST",
        "/api/ingest",
        {"message": "boom", "release": "1.0", "environment": "prod", "user": {"id": 3}},
        {"X-Api-Key": key},
    )
    assert r.status == 202, r
    r2 = call("GET", f"/api/projects/{pid}/events", None, {"Authorization": "Bearer " + key})
    assert r2.json["data"][0]["id"] == r.json["id"], r2
    print(r2.text)
    for i in range(3):
        a = call(
            "POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": key, "Idempotency-Key": "a"}
        )
        print(a)
    assert stream.deliver(stream.records()) == []
    assert stream.deliver(stream.records()) == []
    i = list(issues.list_issues(pid))
    print(i, issues.list_releases(pid))
    assert i[0].count == 2
    for n in (1, 2, 3):
        r = call("POST", "/api.php", {"hash": key, "level": "Warning", "message": "m"})
        assert r.json == {"ok": True, "id": n}, r
    print(call("GET", f"/api.php?action=errors&hash={key}&since=1"))
    assert call("GET", f"/api.php?action=clear&hash={key}").json == {"ok": True, "deleted": 3}
    assert call("GET", f"/api.php?action=errors&hash={key}").json == {"errors": []}
    assert (
        call("GET", f"/api/projects/{pid}/events", None, {"Authorization": "Bearer " + key}).json[
            "data"
        ]
        == []
    )
    r = call("POST", "/api.php", {"hash": key, "level": "Warning", "message": "m"})
    assert r.json == {"ok": True, "id": 4}, r
    assert len(call("GET", f"/api.php?action=errors&hash={key}").json["errors"]) == 1
    from tests.support.gateway import handler

    handler("cleanup")({"Records": [{"dynamodb": {"Keys": {"pk": {"S": pid + "#state"}}}}]}, None)
    assert len(stream.stored_events()) == 1
    assert call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": "nope"}).status == 401
    assert call("POST", "/api/ingest", {"message": "boom", "api_key": key}).status == 202
