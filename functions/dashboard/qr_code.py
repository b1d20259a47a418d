"""QR codes, as inline SVG."""

from itertools import groupby

from markupsafe import Markup

# Light modules around the code (ISO/IEC 18004, "quiet zone").
_BORDER = 4


def qr_code(text: str, label: str) -> Markup:
    """Draw a text as a QR code. Dark modules are lines of one path. `label`: for screen readers."""
    # Few requests need it, and it takes longer to import than a page to render.
    import segno

    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=_BORDER))
    path = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                path.append(f"M{x} {y}.5h{length}")
            x += length
    return Markup(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}"><path d="{2}"/></svg>'
    ).format(len(rows), label, "".join(path))
