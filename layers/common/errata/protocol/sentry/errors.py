"""Error responses of the SDK endpoint.

Source: the SDK development documentation, "Transport": `detail` says what is wrong.
"""

import json

# If the authorizer denies a request, API Gateway also sends this in X-Sentry-Error (template.yaml).
UNKNOWN_KEY = "No public key of this project: check the DSN (sentry_key, project id)."


def error_body(detail: str) -> str:
    """Return the body of an error response, as JSON."""
    return json.dumps({"detail": detail, "causes": []})
