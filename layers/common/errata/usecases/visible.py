"""Create the `Visible` that every read needs: what the reader may see."""

from errata.models.ids import DAY_MS
from errata.models.project import Access
from errata.models.visible import Visible, Watermark
from errata.store import watermarks


def find_visible(access: Access, now_ms: int) -> Visible:
    """Return what a reader with this access may see. Makes one call to DynamoDB."""
    return make_visible(access, watermarks.find_watermark(access.project_id), now_ms)


def make_visible(access: Access, watermark: Watermark, now_ms: int) -> Visible:
    """Return what a reader with this access may see. The caller has read the watermark."""
    oldest_ms = now_ms - access.retention_days * DAY_MS
    return Visible(
        access.project_id,
        watermark,
        oldest_ms,
        now_ms,
        access.organization,
        maps=access.maps,
    )
