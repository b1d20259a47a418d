"""Source maps on the deployed stack: each function has only its own role."""

from typing import Any

import requests

from dev.stack import LocalStack
from errata.store import artifacts
from errata.usecases import delete_project, projects
from tests.support import sdk
from tests.support.bundles import MAP, SENT_DEBUG_ID, assemble, bundle, upload
from tests.support.deployed import eventually
from tests.support.receiver import file, receiver

URL = "https://shop.example.com/app.js"


def test_an_upload_is_compiled_used_and_deleted(stack: LocalStack) -> None:
    created = projects.create("shop")
    assert created
    project_id = created.project.id
    content = bundle(release="shop@1")
    assert upload(project_id, content).state == "created"
    ended = eventually(
        lambda: assemble(project_id, content), lambda each: each.state in ("ok", "error")
    )
    assert (ended.state, ended.detail) == ("ok", "")
    (artifact,) = artifacts.list_artifacts(project_id)
    files = stack.client("s3")
    bucket, name = stack.outputs["MapsBucketName"], f"maps/{project_id}/{artifact.id}"
    assert files.head_object(Bucket=bucket, Key=name)["ContentLength"] == artifact.stored_bytes

    # The first event of a process may take longer than symbolication has. What it was looking for
    # is known then.
    def function() -> str:
        frames = [{"filename": URL, "function": "t", "lineno": 1, "colno": 21, "in_app": True}]
        thrown = {"type": "Error", "value": "no stock", "stacktrace": {"frames": frames}}
        image = {"type": "sourcemap", "code_file": URL, "debug_id": SENT_DEBUG_ID}
        sent = sdk.event(platform="javascript", exception={"values": [thrown]})
        sent["debug_meta"] = {"images": [image]}
        response = requests.post(
            f"{stack.api_url}/api/{project_id}/envelope/?sentry_key={created.public}",
            data=sdk.of_event(sent),
            timeout=30,
        )
        assert response.status_code == 200, response.text
        found = requests.get(
            f"{stack.api_url}/api/projects/{project_id}/events?limit=1",
            headers={"X-Api-Key": created.key},
            timeout=30,
        ).json()["data"]
        return str(found[0]["exceptions"][0]["frames"][0]["function"])

    assert eventually(function, lambda each: each == "Cart.add") == "Cart.add"
    artifacts.delete_artifact(artifact)

    def left() -> list[str]:
        found = files.list_objects_v2(Bucket=bucket, Prefix=name)
        return [each["Key"] for each in found.get("Contents", [])]

    assert eventually(left, lambda each: not each) == []


def test_a_source_map_is_fetched_from_its_url_and_deleted_with_the_project(
    stack: LocalStack,
) -> None:
    created = projects.create("shop")
    assert created
    project_id, key = created.project.id, {"X-Api-Key": created.key}
    lines = ["Error: no stock", "    at b (https://shop.example.com/app.js:1:21)"]
    with receiver(file(MAP)) as there:
        sent = {"message": "no stock", "minified_stack": "\n".join(lines), "release": "shop@1"}
        sent["source_map_url"] = there.url.replace("/hook", "/app.js.map")
        response = requests.post(f"{stack.api_url}/api/ingest", json=sent, headers=key, timeout=30)
        assert response.status_code == 202, response.text

        def frame() -> dict[str, Any]:
            url = f"{stack.api_url}/api/projects/{project_id}/events?limit=1"
            (event,) = requests.get(url, headers=key, timeout=30).json()["data"]
            found: dict[str, Any] = event["frames"][0]
            return found

        # That a map is missing is cached for ten seconds.
        found = eventually(frame, lambda each: "sent" in each)
        assert (found.get("filename"), found["function"]) == ("src/cart.ts", "Cart.add")
        assert [each.path for each in there.received] == ["/app.js.map"]
    (artifact,) = artifacts.list_artifacts(project_id)
    assert artifact.name == sent["source_map_url"]
    delete_project.delete_project(project_id)

    def left() -> list[str]:
        bucket = stack.outputs["MapsBucketName"]
        listed = stack.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return [each["Key"] for each in listed if f"/{project_id}/" in each["Key"]]

    assert eventually(left, lambda each: not each) == []
    assert artifacts.list_artifacts(project_id) == []
