"""Judges a ZIP archive by its directory before anything is unpacked, and unpacks members under names of ours.

Decides what is refused: paths that lead elsewhere, links, encryption, unknown compression, names twice, entries that
overlap, more members or bytes than the limits, and members that inflate beyond reason, as declared and as found. Never
writes to a name that the archive chose. The central directory is measured before it is read, so that an archive of
millions of members costs nothing. Threats: zip slip, zip bombs (flat, overlapping, nested).
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from datasets.formats.errors import Limits, UnreadableSource

_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END64, _END64_SIZE = b"PK\x06\x06", 56
_LOCAL, _LOCAL_SIZE = b"PK\x03\x04", 30
_LONGEST_COMMENT = 65_535
_DIRECTORY_BYTES_PER_MEMBER = 1_024
_MANY, _FAR = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SMALL = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_NAME_CHARACTERS = 512
_DRIVE = re.compile(r"[A-Za-z]:")
_UNIX = 3
_FIX = "Ask the upstream for a plain ZIP archive of the data files."


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. ``name``: as stored, for words only; ``size``: unpacked bytes, as declared."""

    name: str
    size: int
    info: zipfile.ZipInfo


def _refuse(code: str, message: str, fix: str = _FIX) -> UnreadableSource:
    return UnreadableSource(code, "archive", message, fix)


def _shown(name: str) -> str:
    return repr(name[:80])


class Archive:
    """An archive whose directory is sound. Raises ``UnreadableSource`` on opening it if it is not."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        with path.open("rb") as stream:
            start, count = _measure_directory(stream, path.stat().st_size, limits)
            try:
                with zipfile.ZipFile(stream) as archive:
                    infos = archive.infolist()
            except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, struct.error) as error:
                raise _refuse("bad_archive", "The archive's directory can't be read.") from error
            if len(infos) != count:
                raise _refuse("bad_archive", f"The archive says it has {count} members; its directory lists others.")
            _check_entries(infos, limits)
            _check_layout(stream, infos, start)
        self.members = [Member(info.filename, info.file_size, info) for info in infos if not info.is_dir()]

    def head(self, member: Member, length: int) -> bytes:
        """The first bytes of a member. Raises ``UnreadableSource``."""
        with self._opened(member) as source:
            return source.read(length)

    @contextmanager
    def _opened(self, member: Member) -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(member.info) as source:
                yield source
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
            message = f"The member {_shown(member.name)} is damaged: its checksum or its length is wrong."
            raise _refuse("bad_archive", message, "Fetch it again from the upstream.") from error

    def extract(self, member: Member, target: Path) -> None:
        """Unpack one member to *target*, which must not exist. Raises ``UnreadableSource``."""
        written = 0
        with self._opened(member) as source, target.open("xb") as sink:
            while (chunk := source.read(_CHUNK_BYTES)) and written <= member.size:
                written += len(chunk)
                sink.write(chunk)
        if written != member.size:
            raise _refuse("bad_archive", f"The member {_shown(member.name)} is not as long as the archive says.")


def _measure_directory(stream: BinaryIO, size: int, limits: Limits) -> tuple[int, int]:
    """Where the central directory begins, and how many members it should list. Reads the archive's end only."""
    tail_at = max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_SIZE)
    stream.seek(tail_at)
    tail = stream.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        raise _refuse("bad_archive", "The archive has no directory at its end.", "Fetch it again from the upstream.")
    disk, first_disk, here, count, length, start, comment = struct.unpack("<4H2LH", tail[end + 4 : end + _END_SIZE])
    if end + _END_SIZE + comment != len(tail):
        raise _refuse("bad_archive", "Something follows the archive's end.")
    directory_end = tail_at + end
    locator = tail[max(0, end - _LOCATOR_SIZE) : end]
    if locator[:4] == _LOCATOR:
        count, length, start, directory_end = _measure_zip64(stream, locator)
    elif _MANY in (here, count) or _FAR in (length, start):
        raise _refuse("too_many_members", "The archive has 65,535 members or more.", "Split it.")
    elif disk or first_disk or here != count:
        raise _refuse("bad_archive", "The archive is one volume of several.")
    if count > limits.members:
        raise _refuse(
            "too_many_members", f"The archive has {count} members; the limit is {limits.members}.", "Split it."
        )
    if not count:
        raise _refuse("no_records", "The archive is empty.", "Fetch it again from the upstream.")
    if length > limits.members * _DIRECTORY_BYTES_PER_MEMBER:
        raise _refuse("too_many_members", "The archive's directory is larger than its members need.")
    if start + length != directory_end:
        raise _refuse("bad_archive", "The archive's directory is not where the archive says.")
    return start, count


def _measure_zip64(stream: BinaryIO, locator: bytes) -> tuple[int, int, int, int]:
    disk, at, disks = struct.unpack("<LQL", locator[4:])
    stream.seek(at)
    record = stream.read(_END64_SIZE)
    if disk or disks > 1 or len(record) < _END64_SIZE or record[:4] != _END64:
        raise _refuse("bad_archive", "The archive's ZIP64 record is not where the archive says.")
    here, count, length, start = struct.unpack("<4Q", record[24:])
    if here != count:
        raise _refuse("bad_archive", "The archive is one volume of several.")
    return count, length, start, at


def _check_entries(infos: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    seen: set[str] = set()
    for info in infos:
        _check_name(info)
        same = unicodedata.normalize("NFC", info.filename).casefold().rstrip("/")
        if same in seen:
            raise _refuse("duplicate_member", f"The archive has two members named {_shown(info.filename)}.")
        seen.add(same)
        if info.flag_bits & _ENCRYPTED:
            raise _refuse("encrypted_archive", f"The member {_shown(info.filename)} is encrypted.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refuse("unknown_compression", f"The member {_shown(info.filename)} is neither stored nor deflated.")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise _refuse("bad_archive", f"The member {_shown(info.filename)} is stored, but its two lengths differ.")
        _check_expansion(info.file_size, info.compress_size, f"The member {_shown(info.filename)}", limits)
    unpacked, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if unpacked > limits.expanded_bytes:
        message = f"The archive unpacks to {unpacked} bytes; the limit is {limits.expanded_bytes}."
        raise _refuse("archive_too_large", message, "Split it.")
    _check_expansion(unpacked, packed, "The archive", limits)


def _check_expansion(unpacked: int, packed: int, what: str, limits: Limits) -> None:
    if unpacked > _SMALL and unpacked > packed * limits.expansion:
        message = f"{what} unpacks to more than {limits.expansion} times its packed size."
        raise _refuse("archive_bomb", message, "Give the data in a file that is not made to burst.")


def _check_name(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename or info.filename
    if not name or len(name) > _NAME_CHARACTERS or any(unicodedata.category(c) in {"Cc", "Cs"} for c in name):
        raise _refuse("unsafe_path", "A member's name is empty, too long, or holds control characters.")
    parts = name.removesuffix("/").split("/")
    if "\\" in name or _DRIVE.match(name) or any(part in {"", ".", ".."} for part in parts):
        raise _refuse("unsafe_path", f"The member {_shown(name)} has a path that leads elsewhere.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.create_system == _UNIX and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refuse("unsafe_path", f"The member {_shown(name)} is a link or a special file.")
    if info.is_dir() and info.file_size:
        raise _refuse("bad_archive", f"The directory {_shown(name)} has content.")


def _check_layout(stream: BinaryIO, infos: Sequence[zipfile.ZipInfo], start: int) -> None:
    """Each member has its own bytes, and says of itself what the directory says of it."""
    free = 0
    for info in sorted(infos, key=lambda entry: entry.header_offset):
        if info.header_offset < free:
            raise _refuse("overlapping_members", "Two members share the same bytes.")
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL_SIZE)
        if len(header) < _LOCAL_SIZE or header[:4] != _LOCAL:
            raise _refuse("bad_archive", f"The member {_shown(info.filename)} is not where the archive says.")
        flags, method = struct.unpack("<2H", header[6:10])
        name, extra = struct.unpack("<2H", header[26:30])
        if method != info.compress_type or flags & _ENCRYPTED:
            raise _refuse("bad_archive", f"The member {_shown(info.filename)} is not what the directory says.")
        free = info.header_offset + _LOCAL_SIZE + name + extra + info.compress_size
    if free > start:
        raise _refuse("overlapping_members", "A member runs into the archive's directory.")
