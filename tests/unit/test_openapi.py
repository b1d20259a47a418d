"""docs/openapi.yaml and the template have the same routes.

docs/openapi-web.yaml has those of the web API: see test_web_api_routes.py.
"""

import re

import yaml

from tests.support import template

TEXT = (template.ROOT / "docs" / "openapi.yaml").read_text()
METHODS = ("GET", "POST")


def test_the_document_and_the_template_have_the_same_routes() -> None:
    document = yaml.safe_load(TEXT)
    shared = {
        f"#/components/pathItems/{n}": v for n, v in document["components"]["pathItems"].items()
    }
    documented = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in shared.get(item.get("$ref"), item)
        if method != "parameters"
    }
    # HEAD returns the same as GET. The other methods of api.php return 405 and nothing else. The
    # dashboard is pages for people, and the web API has a document of its own.
    routes = {
        (method, path)
        for (method, path), function in template.routes().items()
        if method in METHODS and function not in ("DashboardFunction", "WebApiFunction")
    }
    assert documented == routes


def test_the_document_has_no_merge_keys_of_yaml_1_1() -> None:
    assert not re.search(r"<<:", TEXT)
