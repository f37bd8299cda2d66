"""Hold a zip archive's directory against what stands before its files.

A reader believes the directory at the archive's end; one that lies cuts a file short, or leaves one
out, and its checksums fit.

Source: APPNOTE.TXT, PKWARE (sections 4.3.7, 4.3.9 and 4.5.3).
"""

from __future__ import annotations

import struct
import zipfile
from typing import IO

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MARK, _DESCRIPTOR_MARK = b"PK\x03\x04", b"PK\x07\x08"
_HAS_DESCRIPTOR = 8
_IN_EXTRA, _ZIP64 = 0xFFFFFFFF, 1
_DESCRIPTORS = struct.Struct("<L2L"), struct.Struct("<L2Q")


def check_layout(archive: zipfile.ZipFile) -> None:
    """Hold that an archive's files lie side by side up to its directory, and as it says.

    Raises:
        zipfile.BadZipFile: something stands between them, or one is described in two ways.
    """
    assert archive.fp is not None
    end = 0
    for member in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if member.header_offset != end:
            raise zipfile.BadZipFile(
                f"{member.header_offset - end} bytes before {member.filename!r} that are no file"
            )
        end = _end(archive.fp, member)
    if archive.infolist() and end != archive.start_dir:
        raise zipfile.BadZipFile(f"{archive.start_dir - end} bytes before the directory")


def _end(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Where a member ends."""
    file.seek(member.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(_LOCAL_MARK):
        raise zipfile.BadZipFile(f"no file at byte {member.header_offset}")
    _, _, flags, _, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    extra = file.read(name_length + extra_length)[name_length:]
    end: int = (
        member.header_offset + _LOCAL.size + name_length + extra_length + member.compress_size
    )
    if flags & _HAS_DESCRIPTOR:
        return end + _descriptor_size(file, end, member)
    if _IN_EXTRA in (packed, size):
        size, packed = _sizes(extra)
    if (crc, packed, size) != (member.CRC, member.compress_size, member.file_size):
        raise zipfile.BadZipFile(f"{member.filename!r} is described in two ways")
    return end


def _sizes(extra: bytes) -> tuple[int, int]:
    """A file's size, and its size compressed, by the field for large ones."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64 and length >= 16:
            size, packed = struct.unpack_from("<2Q", extra, at + 4)
            return size, packed
        at += 4 + length
    return -1, -1


def _descriptor_size(file: IO[bytes], at: int, member: zipfile.ZipInfo) -> int:
    """How long what stands behind a file is, that describes it as well."""
    file.seek(at)
    found = file.read(len(_DESCRIPTOR_MARK) + _DESCRIPTORS[-1].size)
    told = (member.CRC, member.compress_size, member.file_size)
    for mark in (_DESCRIPTOR_MARK, b""):
        for form in _DESCRIPTORS:
            size = len(mark) + form.size
            is_long = found.startswith(mark) and len(found) >= size
            if is_long and form.unpack_from(found, len(mark)) == told:
                return size
    raise zipfile.BadZipFile(f"{member.filename!r} is described in two ways")
