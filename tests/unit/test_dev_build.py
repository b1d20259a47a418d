"""When the local stack builds, and when it skips the build."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from dev import build


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A function's source, in a project that `sam build` copies to its output."""
    source = tmp_path / "functions" / "authorizer" / "handler.py"
    source.parent.mkdir(parents=True)
    source.write_text("one")
    home = tmp_path / ".aws-sam"
    monkeypatch.setattr(build, "OUTPUT", home / "build")
    monkeypatch.setattr(build, "STAMP", home / "stamp.json")
    monkeypatch.setattr(build, "LOCK", home / "lock")
    monkeypatch.setattr(build, "SOURCES", [tmp_path / "functions"])

    def sam_build(name: str, command: object, environment: object, say: object) -> None:
        (home / "build").mkdir(exist_ok=True)
        (home / "build" / "handler.py").write_text(source.read_text())

    monkeypatch.setattr(build, "run_tool", sam_build)
    return source


def fingerprint(messages: list[str]) -> str:
    with build.artifacts(messages.append) as fingerprint:
        return fingerprint


def test_unchanged_sources_are_built_once(source: Path) -> None:
    messages: list[str] = []

    assert fingerprint(messages) == fingerprint(messages)
    (line,) = messages
    assert line.startswith("Building the functions and their layer")


def test_a_changed_source_is_built_again(source: Path) -> None:
    messages: list[str] = []
    before = fingerprint(messages)
    source.write_text("two")

    assert fingerprint(messages) != before
    assert len(messages) == 2


def test_artifacts_that_somebody_else_changed_are_built_again(source: Path) -> None:
    messages: list[str] = []
    before = fingerprint(messages)
    (build.OUTPUT / "handler.py").write_text("other")

    assert fingerprint(messages) == before
    assert len(messages) == 2


def test_python_s_caches_change_the_artifacts_and_not_the_sources(source: Path) -> None:
    messages: list[str] = []
    before = fingerprint(messages)
    cache = source.parent / "__pycache__"
    cache.mkdir()
    (cache / "handler.pyc").write_text("bytecode")
    assert fingerprint(messages) == before

    built = build.OUTPUT / "__pycache__" / "handler.pyc"
    built.parent.mkdir()
    built.write_text("bytecode")
    assert build.sha256_of([build.OUTPUT]) != before


def test_built_templates_are_converted_to_json(tmp_path: Path) -> None:
    for template in (tmp_path / "template.yaml", tmp_path / "Nested" / "template.yaml"):
        template.parent.mkdir(exist_ok=True)
        template.write_text("Resources:\n  Queue:\n    Fn::Sub: '2010-09-09'\n    Size: 5\n")
        build.rewrite_templates(tmp_path)
        found = json.loads(template.read_text())
        assert found == {"Resources": {"Queue": {"Fn::Sub": "2010-09-09", "Size": 5}}}


def test_built_templates_name_zip_files_which_are_identical_for_the_same_code(
    tmp_path: Path,
) -> None:
    code = tmp_path / "Nested" / "Function" / "package" / "handler.py"
    code.parent.mkdir(parents=True)
    code.write_text("one")
    code.chmod(0o600)
    (code.parent / "empty").mkdir()
    template = tmp_path / "Nested" / "template.yaml"
    inline = {"ZipFile": "pass"}
    archives = []
    for _ in range(2):
        functions = {"A": {"Code": "Function"}, "B": {"Code": inline}, "C": {"Queue": "Function"}}
        resources = {name: {"Properties": each} for name, each in functions.items()}
        template.write_text(json.dumps({"Resources": resources}))
        build.rewrite_templates(tmp_path)
        found = json.loads(template.read_text())["Resources"]
        assert [each["Properties"] for each in found.values()] == [
            {"Code": "Function.zip"},
            {"Code": inline},
            {"Queue": "Function"},
        ]
        archives.append((template.parent / "Function.zip").read_bytes())
        os.utime(code, (0, 0))
        with zipfile.ZipFile(template.parent / "Function.zip") as archive:
            (entry,) = archive.infolist()
            assert archive.read("package/handler.py") == b"one"
        # Lambda's user is not the owner.
        assert entry.external_attr >> 16 == 0o100644
    assert archives[0] == archives[1]


def test_a_renamed_file_changes_the_digest(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a"
    file.parent.mkdir()
    file.write_text("same")
    before = build.sha256_of([file.parent])
    file.rename(file.with_name("b"))

    assert build.sha256_of([file.parent]) != before
