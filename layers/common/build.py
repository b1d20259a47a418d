"""Build the common layer: third-party packages and `errata`, pruned and compiled.

`sam build` runs it for each architecture, and the template's Architecture parameter selects the
layer, so it needs no flag at build time. It does four things that `sam build`'s Python workflow
does not do:

- It removes the botocore models that Errata does not use. Creating a client otherwise scans 440
  folders and parses every region of every service.
- It lets `import pydantic_core` load only the compiled core, which is all that Errata uses.
- It keeps only the bytecode of all Python files, without docstrings. Lambda downloads the layer
  for each cold start. Tracebacks have files and lines, but not the text of the lines.
"""

import ast
import gzip
import importlib.util
import json
import marshal
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LAYER_ROOT = "/opt/python"

# The operations that the store calls. If one is missing here, the e2e tests fail.
OPERATIONS = {
    "apigateway": [
        "CreateApiKey",
        "CreateUsagePlan",
        "CreateUsagePlanKey",
        "DeleteApiKey",
        "GetUsagePlans",
    ],
    "cognito-idp": [
        "AdminCreateUser",
        "AdminGetUser",
        "AdminInitiateAuth",
        "AdminRespondToAuthChallenge",
        "AssociateSoftwareToken",
        "ChangePassword",
        "ConfirmForgotPassword",
        "ForgotPassword",
        "RevokeToken",
        "SetUserMFAPreference",
        "VerifySoftwareToken",
    ],
    "dynamodb": [
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    ],
    "events": ["PutEvents"],
    "logs": ["GetLogEvents"],
    "s3": [
        "DeleteObject",
        "DeleteObjects",
        "GetObject",
        "HeadObject",
        "ListObjectsV2",
        "PutObject",
    ],
    "scheduler": ["CreateSchedule", "DeleteSchedule"],
    "sesv2": ["SendEmail"],
    "sns": ["Publish", "Subscribe", "Unsubscribe"],
    "sqs": [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    ],
    "ssm": ["DeleteParameter", "GetParameter", "PutParameter"],
}
# The `__init__` of pydantic_core in the layer. `whole` is the original.
CORE_ALONE = '''"""The core, and the rest when asked for. Made by layers/common/build.py."""

from ._pydantic_core import *


def __getattr__(name):
    from importlib import import_module

    return getattr(import_module(".whole", __name__), name)
'''
# What packages have beside the code that functions import. dateutil reads time zones of the system.
NOT_IMPORTED = ("bin", ".lock", "*.dist-info", "dateutil/zoneinfo/*.tar.gz", "**/*.pyi")
# Files of botocore/data that all services share.
SHARED_DATA = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")


def build(platform: str, target: Path) -> None:
    """Fill `target` (the layer's `python` folder) from this folder."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "python"
        install(platform, layer)
        prune_botocore(layer / "botocore" / "data")
        defer_schemas(layer / "pydantic_core")
        for pattern in NOT_IMPORTED:
            for entry in layer.glob(pattern):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(
            "errata", layer / "errata", ignore=shutil.ignore_patterns("__pycache__", "cli")
        )
        keep_bytecode(layer)
        shutil.copytree(layer, target)


def keep_bytecode(target: Path) -> None:
    """Replace each source by its bytecode, which Python imports from the same place.

    Raises:
        SyntaxError: a file does not compile.
    """
    for source in target.rglob("*.py"):
        tree = ast.parse(source.read_bytes())
        drop_docstrings(tree)
        code = compile(tree, f"{LAYER_ROOT}/{source.relative_to(target)}", "exec")
        # What Python checks of a file without a source is the magic number alone.
        head = importlib.util.MAGIC_NUMBER + bytes(12)
        source.with_suffix(".pyc").write_bytes(head + marshal.dumps(code))
        source.unlink()


def drop_docstrings(tree: ast.Module) -> None:
    """Remove docstrings from the tree of a module. They are a sixth of the bytecode."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *rest]:
                    # `from __future__` must be first in a module, and a function is never empty.
                    node.body = rest or [ast.copy_location(ast.Pass(), docstring)]
        # Expressions, which are most of the tree, contain no definitions.
        inner = ast.stmt | ast.ExceptHandler | ast.match_case
        pending += [each for each in ast.iter_child_nodes(node) if isinstance(each, inner)]


def install(platform: str, target: Path) -> None:
    """Install the locked requirements for Lambda on `platform`. Only wheels, with hash checks.

    uv links files to its cache: nothing may write into them.
    """
    command = [*installer(platform), "--require-hashes", "--only-binary=:all:", "--no-deps"]
    command += ["--python-version=3.13", f"--target={target}", "-rrequirements.txt"]
    subprocess.run(command, check=True)


def installer(platform: str) -> list[str]:
    """Return the command that installs packages. As in `functions/build.py`, which says why.

    SAM builds the layer in a folder of its own, so that neither can import the other.
    """
    if shutil.which("uv"):
        command = ["uv", "pip", "install", f"--python={sys.executable}"]
        return [*command, "--quiet", f"--python-platform={platform}-manylinux_2_34"]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--quiet", "--no-compile", "--implementation=cp"]
    return command + [f"--platform=manylinux{tag}_{platform}" for tag in ("_2_34", "_2_28", "2014")]


def prune_botocore(data: Path) -> None:
    """Remove all models and endpoints that Errata does not use. Keep the rest as plain JSON."""
    keep = {service: newest_version(data / service) for service in OPERATIONS}
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in keep:
            shutil.rmtree(entry)
        elif entry.is_file() and not entry.name.startswith(SHARED_DATA):
            entry.unlink()
    for service, version in keep.items():
        for model in version.iterdir():
            if model.name == "service-2.sdk-extras.json":
                continue  # botocore merges it into the model
            if model.name.startswith("service-2."):
                rewrite(model, prune_model(load(model), OPERATIONS[service]))
            elif model.name.startswith("endpoint-rule-set-1."):
                rewrite(model, load(model))
            else:
                model.unlink()
    for name in SHARED_DATA:
        file = next(data.glob(f"{name}*"))
        content = load(file)
        if name == "endpoints.json":
            for partition in content["partitions"]:
                services = partition["services"]
                partition["services"] = {s: services[s] for s in OPERATIONS if s in services}
        rewrite(file, content)


def newest_version(service: Path) -> Path:
    """Return the folder of a service's newest API version. botocore loads this version."""
    return max(entry for entry in service.iterdir() if entry.is_dir())


def load(file: Path) -> Any:
    """Return the JSON in a file, which may be gzipped."""
    content = file.read_bytes()
    return json.loads(gzip.decompress(content) if file.suffix == ".gz" else content)


def rewrite(file: Path, content: Any) -> None:
    """Replace a file by plain JSON. botocore looks for this first, and does not decompress it."""
    file.unlink()
    plain = file.with_name(file.name.removesuffix(".gz"))
    plain.write_text(json.dumps(content, separators=(",", ":")))


def prune_model(model: dict[str, Any], operations: list[str]) -> dict[str, Any]:
    """Return a model with only these operations and their shapes, without documentation."""
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    pending = list(references(kept))
    while pending:
        name = pending.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            pending += references(shapes[name])
    pruned = {**model, "operations": kept, "shapes": shapes}
    without_documentation: dict[str, Any] = strip_documentation(pruned)
    if settings := model.get("clientContextParams"):
        # botocore reads their documentation.
        without_documentation["clientContextParams"] = settings
    return without_documentation


def references(node: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part of a model refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def strip_documentation(node: Any) -> Any:
    """Return a part of a model without its documentation texts."""
    if isinstance(node, dict):
        return {
            key: strip_documentation(value)
            for key, value in node.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [strip_documentation(value) for value in node]
    return node


def defer_schemas(package: Path) -> None:
    """Let `import pydantic_core` load the compiled core alone, and the rest when it is asked for.

    Its `__init__` imports `core_schema`, which has a class for each kind of schema. That takes as
    much CPU time as to import all of `errata`, which needs none of them.
    """
    (package / "__init__.py").rename(package / "whole.py")
    (package / "__init__.py").write_text(CORE_ALONE)


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
