"""Read the templates, for this repository's tools and tests.

`template.yaml` is the root stack. A nested stack is an `AWS::CloudFormation::Stack` in it, whose
template is in `templates/`.
"""

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

from dev.process import ROOT

TEMPLATE = ROOT / "template.yaml"
# Stands for the root stack. A nested stack is named by its logical id.
ROOT_STACK = ""


class _Loader(yaml.CSafeLoader):
    """Read tags such as `!Ref` as SAM does, in a tenth of the time: this loader is written in C."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def load(stack: str = ROOT_STACK) -> dict[str, Any]:
    """Return a fresh copy of a stack's template; a reference stays as `{"Ref": ...}`.

    Raises:
        KeyError: the root template has no nested stack of that logical id.
    """
    return _parse(nested()[stack] if stack else TEMPLATE)


def nested() -> dict[str, Path]:
    """Return the template of each nested stack, by the stack's logical id."""
    return {
        name: ROOT / resource["Properties"]["TemplateURL"]
        for name, resource in _parse(TEMPLATE)["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }


def _parse(path: Path) -> dict[str, Any]:
    template: dict[str, Any] = pickle.loads(_pickled(path))
    return template


@cache
def _pickled(path: Path) -> bytes:
    """Parse a template once. To copy it from this takes a twentieth of the time."""
    return pickle.dumps(yaml.load(path.read_text(), _Loader))
