"""Measure the busiest dashboard page: the issue list, with fifty issues."""

import base64
import gzip
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.report import Yardstick, at_most
from bench.stage import FILES, PAGE, Stage

# 60 KB before the first image load within a second, even over a slow line.
MAX_BYTES = 60_000


def all_pages(stage: Stage) -> Iterator[Yardstick]:
    """Yield the bytes and AWS calls of the page."""
    kinds = Counter(call.operation for call in stage.calls(stage.dashboard, PAGE))
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield at_most("AWS calls of the issue list with 50 issues", kinds.total(), 5, note)

    (page,) = stage.dashboard.run(PAGE)[1]
    files = stage.dashboard.run(FILES)[1]
    sent = [len(_sent(response)) for response in (page, *files)]
    note = (
        f"gzipped over the wire: page {sent[0]}, style and scripts, which browsers keep,"
        f" {sum(sent[1:])}, together {sum(sent)}"
    )
    size = len(gzip.decompress(_sent(page)))
    yield at_most("bytes of that page before images", size, MAX_BYTES, note)


def _sent(response: dict[str, Any]) -> bytes:
    assert response["statusCode"] == 200, response
    return base64.b64decode(response["body"])
