"""The layer's pruned botocore: kept operations have the same models as in the original."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import botocore.session
import pydantic_core
import pytest
import typing_extensions
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.regions import EndpointResolver

from tests.support.template import ROOT

LAYER = ROOT / "layers" / "common"
ORIGINAL = Path(botocore.__file__).parent / "data"


def build_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layer_build", LAYER / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = build_module()
OPERATIONS: dict[str, list[str]] = build.OPERATIONS
SERVICES = sorted(OPERATIONS)
# Operations that only the command calls, with the original botocore.
ONLY_IN_THE_COMMAND = {
    "apigateway": {
        "delete_usage_plan",
        "get_api_keys",
        "get_usage_plan",
        "get_usage_plan_keys",
        "update_usage_plan",
    },
    "cognito-idp": {"admin_set_user_mfa_preference", "admin_set_user_password", "list_users"},
    "ssm": {"get_parameters_by_path"},
    "sts": {"get_caller_identity"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pruned copy of botocore's data. Two services stand for all that are removed."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    data.mkdir()
    for entry in ORIGINAL.iterdir():
        if entry.is_file():
            shutil.copy2(entry, data)
        elif entry.name in {*SERVICES, "dynamodbstreams", "s3"}:
            shutil.copytree(entry, data / entry.name)
    build.prune_botocore(data)
    return data


@pytest.fixture(scope="module")
def pruned(data: Path) -> Loader:
    return Loader(extra_search_paths=[str(data)], include_default_search_paths=False)


@pytest.fixture(scope="module")
def original() -> Loader:
    return Loader(extra_search_paths=[str(ORIGINAL)], include_default_search_paths=False)


def shapes_of(service: ServiceModel, operation: str) -> dict[str, Shape]:
    """Every shape that botocore can come to from an operation, by name."""
    model = service.operation_model(operation)
    pending = [model.input_shape, model.output_shape, *model.error_shapes]
    found: dict[str, Shape] = {}
    while pending:
        shape = pending.pop()
        if shape is not None and shape.name not in found:
            found[shape.name] = shape
            pending += getattr(shape, "members", {}).values()
            pending += [getattr(shape, name, None) for name in ("member", "key", "value")]
    return found


def undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: undocumented(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    return [undocumented(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("service", SERVICES)
def test_the_newest_version_of_a_service_is_the_only_one(
    service: str, pruned: Loader, original: Loader
) -> None:
    assert pruned.list_available_services("service-2") == SERVICES
    newest = original.determine_latest_version(service, "service-2")
    assert pruned.determine_latest_version(service, "service-2") == newest


@pytest.mark.parametrize("service", SERVICES)
def test_kept_operations_and_all_their_shapes_are_the_original_ones(
    service: str, pruned: Loader, original: Loader
) -> None:
    before = original.load_service_model(service, "service-2")
    after = pruned.load_service_model(service, "service-2")
    assert sorted(after["operations"]) == sorted(OPERATIONS[service])
    reached = set[str]()
    for operation in OPERATIONS[service]:
        assert after["operations"][operation] == undocumented(before["operations"][operation])
        shapes = shapes_of(ServiceModel(before, service), operation)
        assert shapes.keys() == shapes_of(ServiceModel(after, service), operation).keys()
        for name in shapes:
            assert after["shapes"][name] == undocumented(before["shapes"][name])
        reached |= shapes.keys()
    assert after["shapes"].keys() == reached


@pytest.mark.parametrize("service", SERVICES)
def test_the_other_parts_of_a_service_are_the_original_ones(
    service: str, pruned: Loader, original: Loader
) -> None:
    before = undocumented(original.load_service_model(service, "service-2"))
    after = pruned.load_service_model(service, "service-2")
    for part in before.keys() - {"operations", "shapes", "clientContextParams"}:
        assert after[part] == before[part]
    assert after.keys() == before.keys()
    # botocore reads the documentation of these.
    documented = original.load_service_model(service, "service-2")
    assert after.get("clientContextParams") == documented.get("clientContextParams")


@pytest.mark.parametrize("service", SERVICES)
def test_endpoint_rules_are_the_original_ones(
    service: str, pruned: Loader, original: Loader
) -> None:
    rules = "endpoint-rule-set-1"
    assert pruned.load_service_model(service, rules) == original.load_service_model(service, rules)


@pytest.mark.parametrize("service", SERVICES)
def test_every_region_of_every_partition_has_the_original_endpoint(
    service: str, pruned: Loader, original: Loader
) -> None:
    before = EndpointResolver(original.load_data("endpoints"))
    after = EndpointResolver(pruned.load_data("endpoints"))
    partitions = before.get_available_partitions()
    assert after.get_available_partitions() == partitions
    for partition in partitions:
        regions = before.get_available_endpoints(service, partition, allow_non_regional=True)
        assert after.get_available_endpoints(service, partition, allow_non_regional=True) == regions
        for region in regions:
            was = before.construct_endpoint(service, region, partition)
            assert after.construct_endpoint(service, region, partition) == was


def test_partitions_lose_nothing_but_services(pruned: Loader, original: Loader) -> None:
    before, after = original.load_data("endpoints"), pruned.load_data("endpoints")
    for was, is_now in zip(before["partitions"], after["partitions"], strict=True):
        kept = {name: was["services"][name] for name in SERVICES if name in was["services"]}
        assert is_now == {**was, "services": kept}
    assert {**after, "partitions": []} == {**before, "partitions": []}


@pytest.mark.parametrize("name", ["_retry", "partitions", "sdk-default-configuration"])
def test_the_data_that_all_services_share_is_the_original(
    name: str, pruned: Loader, original: Loader
) -> None:
    assert pruned.load_data(name) == original.load_data(name)


def test_models_are_not_compressed(data: Path) -> None:
    files = [file for file in data.iterdir() if file.is_file()]
    for service in SERVICES:
        files += build.newest_version(data / service).iterdir()
    assert {file.suffix for file in files} == {".json"}
    assert all(json.loads(file.read_text()) for file in files)


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_of_the_pruned_data_has_the_kept_operations(service: str, pruned: Loader) -> None:
    session = botocore.session.Session()
    session.register_component("data_loader", pruned)
    client = session.create_client(service, region_name="eu-central-1")
    methods = client.meta.method_to_api_mapping
    assert sorted(methods.values()) == sorted(OPERATIONS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_the_code_calls_is_kept_and_no_other(service: str) -> None:
    accessor = service.replace("-", "_")
    called = {
        method
        for file in (LAYER / "errata").rglob("*.py")
        for method in re.findall(rf"clients\.{accessor}(?:_once)?\(\w*\)\.(\w+)", file.read_text())
    }
    called -= ONLY_IN_THE_COMMAND.get(service, set())
    assert called == {xform_name(operation) for operation in OPERATIONS[service]}


def test_the_layer_keeps_the_bytecode_of_its_modules_without_docstrings(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text('"""Docs."""\n\nfrom __future__ import annotations\n')
    (package / "fails.py").write_text(
        'class Known:\n    """Docs."""\n\n\ndef run():\n    """Docs."""\n'
        "    return Known.__doc__, run.__doc__, 1 / 0\n"
    )
    build.keep_bytecode(tmp_path)
    assert sorted(file.name for file in package.iterdir()) == ["__init__.pyc", "fails.pyc"]
    assert b"Docs." not in (package / "fails.pyc").read_bytes()
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import package.fails as p; p.run()"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert 'File "/opt/python/package/fails.py", line 7, in run' in run.stderr
    assert run.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(
    "around",
    [
        "class Outer: {}",
        "async def outer(): {}",
        "if condition: {}",
        "if condition: pass\nelse: {}",
        "while condition: {}",
        "for one in many: {}",
        "with opened: {}",
        "try: {}\nfinally: pass",
        "try: pass\nexcept ValueError: {}",
        "try: pass\nexcept* ValueError: {}",
        "try: pass\nfinally: {}",
        "match one:\n case 1: {}",
    ],
)
def test_docstrings_are_dropped_wherever_a_function_is_defined(around: str) -> None:
    inner = "\n  def function():\n   'Docs.'\n   return 'kept'"
    tree = ast.parse(around.format(inner))
    build.drop_docstrings(tree)
    assert "Docs." not in ast.unparse(tree)
    assert "kept" in ast.unparse(tree)


def test_pydantic_core_loads_its_schemas_only_on_demand(tmp_path: Path) -> None:
    shutil.copytree(Path(pydantic_core.__file__).parent, tmp_path / "pydantic_core")
    shutil.copy2(typing_extensions.__file__, tmp_path)
    build.defer_schemas(tmp_path / "pydantic_core")
    code = f"""
import sys; sys.path[:0] = [{str(tmp_path)!r}]
from pydantic_core import SchemaValidator, ValidationError, from_json, to_json, __version__
print("pydantic_core.core_schema" in sys.modules, "typing_extensions" in sys.modules)
import pydantic_core
from pydantic_core import CoreSchema, core_schema
whole = pydantic_core.whole
missing = [n for n in whole.__all__ if hasattr(whole, n) and not hasattr(pydantic_core, n)]
print(missing, CoreSchema is core_schema.CoreSchema)
"""
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False False\n[] True\n"
