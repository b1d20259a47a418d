"""Build the common layer: third-party packages and `errata`, pruned and compiled.

It does three things that `sam build`'s Python workflow does not do:

- It installs the wheels of both architectures, so that one layer works on arm64 and x86_64. The
  two libraries of a package with compiled code have different names. So the template's
  Architecture parameter needs no flag at build time.
- It removes the botocore models that Errata does not use. Creating a client otherwise scans 440
  folders and parses every region of every service.
- It compiles all Python files, with hashes that Lambda does not check.
"""

import compileall
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

PLATFORMS = ("aarch64", "x86_64")
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
    "sesv2": ["SendEmail"],
    "sns": ["Publish"],
    "sqs": [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    ],
    "ssm": ["DeleteParameter", "GetParameter", "PutParameter"],
}
# Files of botocore/data that all services share.
SHARED_DATA = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")


def build(target: Path) -> None:
    """Fill `target` (the layer's `python` folder) from this folder."""
    target.mkdir(parents=True, exist_ok=True)
    install(PLATFORMS[0], target)
    with tempfile.TemporaryDirectory() as other:
        install(PLATFORMS[1], Path(other))
        for library in Path(other).rglob("*.so"):
            shutil.copy2(library, target / library.relative_to(other))
    prune_botocore(target / "botocore" / "data")
    shutil.rmtree(target / "bin", ignore_errors=True)
    shutil.copytree(
        "errata", target / "errata", ignore=shutil.ignore_patterns("__pycache__", "cli")
    )
    compiled = compileall.compile_dir(
        target,
        quiet=1,
        workers=0,
        stripdir=str(target),
        prependdir=LAYER_ROOT,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit("Some files of the layer do not compile. See the errors above.")


def install(platform: str, target: Path) -> None:
    """Install the locked requirements for Lambda on `platform`. Only wheels, with hash checks."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--require-hashes", "--only-binary=:all:", "--no-deps"]
    command += ["--implementation=cp", "--python-version=3.13", f"--target={target}"]
    command += [f"--platform=manylinux{tag}_{platform}" for tag in ("_2_34", "_2_28", "2014")]
    subprocess.run([*command, "--requirement=requirements.txt"], check=True)


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


if __name__ == "__main__":
    build(Path(sys.argv[1]))
