"""Report every unhandled exception. Needs no library. Set ERRATA_URL and ERRATA_KEY."""

import json
import os
import socket
import sys
import traceback
import urllib.request
import uuid


def report(kind, error, trace):
    frames = traceback.extract_tb(trace)
    event = {
        "exception_class": kind.__name__,
        "message": str(error),
        "file": frames[-1].filename if frames else None,
        "line": frames[-1].lineno if frames else None,
        "stack_trace": "".join(traceback.format_exception(kind, error, trace)),
        "environment": os.environ.get("APP_ENV", "production"),
        "server_name": socket.gethostname(),
    }
    request = urllib.request.Request(
        os.environ["ERRATA_URL"] + "/api/ingest",
        json.dumps(event).encode(),
        {
            "X-Api-Key": os.environ["ERRATA_KEY"],
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),  # a retry is not stored twice
        },
    )
    try:
        urllib.request.urlopen(request, timeout=3).close()
    except OSError as failure:
        print("could not report:", failure, file=sys.stderr)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = report

int("seven")  # the bug
