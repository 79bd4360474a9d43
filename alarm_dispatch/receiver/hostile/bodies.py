"""Bodies that grow when somebody decompresses them, made without the memory that they would take."""

from __future__ import annotations

import base64
import functools
import zlib

__all__ = ["brotli_bomb", "gzip_bomb", "gzipped_gzip_bomb", "zstd_bomb"]

_MEGABYTE = 1 << 20
_GZIP = 31  # zlib's word for it
_MEGABYTES = 50

# A hundred megabytes of zeros; no library of the standard one's writes it.
_BROTLI = b"z///f/gnAOKxQCD3/p/////wTwDEYQGA7v0/////4Z8AiMMiAN37f/7//8M/ARCHBQC69//8//+HfwIgDgsAdO//+f//D/8EQBwWAOje/+f//w/+CYA4LADQvf8B"  # noqa: E501

# RFC 8878: the magic number, a descriptor for a window of 128 KB, and blocks that repeat one byte so often.
_ZSTD_HEAD = b"\x28\xb5\x2f\xfd\x00\x38"
_ZSTD_BLOCK_SIZE = 128 * 1024
_ZSTD_BLOCKS = 800


@functools.cache
def gzip_bomb() -> bytes:
    """50 MB of zeros in 50 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    zeros = bytes(_MEGABYTE)
    return b"".join([*(packer.compress(zeros) for _ in range(_MEGABYTES)), packer.flush()])


@functools.cache
def gzipped_gzip_bomb() -> bytes:
    """The same, once more compressed: less than 1 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return packer.compress(gzip_bomb()) + packer.flush()


def brotli_bomb() -> bytes:
    """100 MB of zeros in 93 bytes."""
    return base64.b64decode(_BROTLI)


def zstd_bomb() -> bytes:
    """100 MB of zeros in 3 KB."""
    repeated = 1 << 1 | _ZSTD_BLOCK_SIZE << 3
    block, last = ((repeated | flag).to_bytes(3, "little") + b"\0" for flag in (0, 1))
    return _ZSTD_HEAD + block * (_ZSTD_BLOCKS - 1) + last
