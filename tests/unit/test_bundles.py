"""Damaged bundles are refused with a reason, and raise no other error."""

import io
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import SourceMapError
from errata.protocol import bundles
from errata.protocol.bundles import BundledMap, BundleReader
from tests.support.bundles import bundle

BUNDLE = bundle(release="shop@1")
CHANGES = st.lists(st.tuples(st.integers(0, len(BUNDLE) - 1), st.integers(0, 255)), max_size=4)


@given(CHANGES, st.integers(0, len(BUNDLE)))
def test_a_damaged_bundle_is_refused_with_a_reason(
    changes: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(BUNDLE)
    for at, byte in changes:
        content[at] = byte
    with suppress(SourceMapError):
        reader = BundleReader(io.BytesIO(bytes(content) if changes else BUNDLE[:length]))
        for each in reader.manifest().maps:
            reader.read_map(each)


def _archive(method: int, names: list[str], content: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, content)
    return file


def test_a_map_with_another_compression_than_deflate_is_refused() -> None:
    # A kilobyte of bzip2 may become gigabytes before its size is known.
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        reader = BundleReader(_archive(method, ["a.map"], b" " * 1_000))
        with pytest.raises(
            SourceMapError, match=r"^a\.map is packed in another way than deflate\.$"
        ):
            reader.read_map(BundledMap("a.map", "", ""))


@pytest.mark.parametrize("problem", ["too large", "damaged"])
def test_refused_maps_count_towards_the_limit_of_unpacked_bytes(
    problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MAX_MAP_BYTES", 1_000_000)
    monkeypatch.setattr(bundles, "MAX_UNPACKED_BYTES", 2 * 1024 * 1024)
    names = [f"{number}.map" for number in range(5)]
    of_one = 1_000_001 if problem == "too large" else 900_000
    content = _archive(zipfile.ZIP_DEFLATED, names, b" " * of_one).getvalue()
    if problem == "damaged":
        checksum = zlib.crc32(b" " * of_one).to_bytes(4, "little")
        content = content.replace(checksum, b"\0\0\0\0")
    reader = BundleReader(io.BytesIO(content))
    errors = []
    for name in names:
        with pytest.raises(SourceMapError) as caught:
            reader.read_map(BundledMap(name, "", ""))
        errors.append(str(caught.value))
    assert errors[-1] == "The source maps before it already have 2 MB, the limit."


def test_the_list_of_files_is_bounded_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_MAX_LIST_BYTES", 1_000)
    few, many = ([f"{number}.map" for number in range(most)] for most in (5, 50))
    large = b"[]" * 5_000  # files may be larger than their list
    reader = BundleReader(_archive(zipfile.ZIP_STORED, few, large))
    assert reader.read_map(BundledMap("4.map", "", "")) == large
    with pytest.raises(SourceMapError, match="more than 10000 files"):
        BundleReader(_archive(zipfile.ZIP_STORED, many, b""))
