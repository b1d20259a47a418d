"""docs/openapi.yaml is held against the handlers, in both directions."""

import schemathesis
import yaml

from tests.support import template
from tests.support.wsgi import application

DOCUMENT = yaml.safe_load((template.ROOT / "docs" / "openapi.yaml").read_text())


def test_the_document_and_the_template_have_the_same_routes() -> None:
    documented = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    }
    # HEAD answers like GET; the other methods of api.php answer 405 and nothing else.
    answered = {(m, p) for m, p in template.routes() if m in ("GET", "POST")}
    assert documented == answered


# What the document says of requests is what these generate; what it says of answers is checked.
schema = schemathesis.openapi.from_wsgi("/openapi.yaml", application)
