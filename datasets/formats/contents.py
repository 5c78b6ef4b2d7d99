"""Finds the one dataset in a file: the file itself, or what an archive holds.

Decides by the first bytes of each member what it is; only what belongs to a shapefile is told by its name, since a
shapefile is that set of names. Two datasets in one archive are refused by name, unless the spec chooses one or joins
tables. An archive in the archive is opened once, not twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets.formats.archives import Archive, Member
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.instructions import Instructions
from datasets.formats.job import Part
from datasets.formats.sniff import HEAD_BYTES, Sniffed, is_long_sequence, sniff

_SHAPEFILE_MARK = b"\x00\x00\x27\x0a"
_NEEDED, _OPTIONAL = (".shp", ".shx", ".dbf"), (".prj", ".cpg")
_DEPTH = 1
_JOINABLE = frozenset({"csv", "geojson", "geojsonseq"})
_SHOWN = 20
# What comes along in archives and is no dataset, whatever its bytes look like.
_BESIDE = frozenset({".txt", ".md", ".html", ".htm", ".pdf", ".xml", ".rtf", ".docx", ".qml", ".sld", ".yml", ".yaml"})
_HIDDEN = ("__MACOSX/", ".")
_NOT_A_DATASET = frozenset({"unsupported_format", "binary_file", "empty_file", "html_page"})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be a dataset; the first of its members names it."""

    format: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """``parts``: the files to read, in order; ``members``: their names in the archive, empty when there is none."""

    parts: tuple[Part, ...]
    members: tuple[str, ...] = ()


def find_contents(source: Path, told: Instructions, scratch: Path, limits: Limits) -> Contents:
    """The dataset in *source*; an archive's is unpacked into *scratch*. Raises ``UnreadableSource``."""
    sniffed = sniff_file(source, told)
    if sniffed.format != "zip":
        if told.member is not None:
            message = "The spec names a member; this file is not an archive."
            raise UnreadableSource("bad_normalization", "spec /normalization/member", message, "Leave it out.")
        return Contents((Part(source, sniffed.format, sniffed.delimiter),))
    return _in_archive(source, told, scratch, limits, 0)


def sniff_file(path: Path, told: Instructions) -> Sniffed:
    """What *path* is. Raises ``UnreadableSource`` for what is not read here."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        found = sniff(head, encoding=told.encoding or "utf-8")
        if found.format != "geojson" or b"\n" in head:
            return found
        before = head
        while chunk := stream.read(HEAD_BYTES):
            first, feed, rest = chunk.partition(b"\n")
            if feed:
                is_sequence = is_long_sequence((before + first)[-64:], rest + stream.read(64), head)
                return Sniffed("geojsonseq") if is_sequence else found
            before = chunk
    return found


def _in_archive(source: Path, told: Instructions, scratch: Path, limits: Limits, depth: int) -> Contents:
    archive = Archive(source, limits)
    members = [member for member in archive.members if not _is_hidden(member.name)]
    if told.member is not None and depth == 0:
        members = _named(members, told.member)
    found = _shapefiles(members)
    taken = {member.name for candidate in found for member in candidate.members}
    rest = sorted((member for member in members if member.name not in taken), key=lambda member: member.name)
    found += _told_by_bytes(archive, [m for m in rest if not _is_beside(m.name)], told)
    if not found:
        found = _told_by_bytes(archive, [m for m in rest if _is_beside(m.name)], told)
    chosen = _choose(found, archive, told)
    folder = scratch / f"unpacked-{depth}"
    folder.mkdir()
    parts = tuple(_unpack(archive, one, folder / str(n), told) for n, one in enumerate(chosen))
    names = tuple(part.name for part in parts)
    if parts[0].format != "zip":
        return Contents(parts, names)
    if depth >= _DEPTH:
        message = "The archive holds an archive that holds an archive."
        raise UnreadableSource("nested_archive", "archive", message, "Give an archive with the data in it.")
    inner = _in_archive(parts[0].path, told, scratch, limits, depth + 1)
    return Contents(inner.parts, tuple(f"{names[0]}/{name}" for name in inner.members))


def _is_beside(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _BESIDE


def _is_hidden(name: str) -> bool:
    return name.startswith(_HIDDEN[0]) or PurePosixPath(name).name.startswith(_HIDDEN[1])


def _named(members: Sequence[Member], name: str) -> list[Member]:
    stem = str(PurePosixPath(name).with_suffix("")) if name.lower().endswith(".shp") else None
    found = [m for m in members if m.name == name or (stem and str(PurePosixPath(m.name).with_suffix("")) == stem)]
    if not found:
        message = f"The archive has no member {name[:80]!r}; it has {_list([m.name for m in members])}."
        raise UnreadableSource("member_missing", "archive", message, "Correct normalization.member in the spec.")
    return found


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in sorted(names)[:_SHOWN])
    return (shown + (", …" if len(names) > _SHOWN else "")) or "none"


def _told_by_bytes(archive: Archive, members: Sequence[Member], told: Instructions) -> list[_Candidate]:
    found = []
    for member in members:
        try:
            sniffed = sniff(archive.head(member, HEAD_BYTES), encoding=told.encoding or "utf-8")
        except UnreadableSource as error:
            if error.code in _NOT_A_DATASET:
                continue
            raise UnreadableSource(error.code, f"member {member.name[:80]!r}", error.message, error.fix) from error
        found.append(_Candidate(sniffed.format, (member,)))
    return found


def _shapefiles(members: Sequence[Member]) -> list[_Candidate]:
    """Each shapefile with the parts of it that are read."""
    by_name = {member.name.lower(): member for member in members}
    found = []
    for name in sorted(name for name in by_name if name.endswith(".shp")):
        stem = name.removesuffix(".shp")
        missing = [suffix for suffix in _NEEDED if stem + suffix not in by_name]
        if missing:
            message = f"The shapefile {by_name[name].name[:80]!r} lacks its {' and '.join(missing)}."
            raise UnreadableSource("incomplete_shapefile", "archive", message, "Zip all parts of it together.")
        beside = (member for key, member in by_name.items() if key.startswith(f"{stem}.") and key != name)
        found.append(_Candidate("shapefile", (by_name[name], *beside)))
    return found


def _choose(found: Sequence[_Candidate], archive: Archive, told: Instructions) -> Sequence[_Candidate]:
    """The one dataset, or the tables to join. Raises ``UnreadableSource``, naming the members."""
    names = [candidate.members[0].name for candidate in found]
    if not found:
        message = (
            f"The archive holds no dataset that is read here; it holds {_list([m.name for m in archive.members])}."
        )
        raise UnreadableSource("unsupported_format", "archive", message, "Give an archive with one dataset in it.")
    formats = {candidate.format for candidate in found}
    if len(found) > 1 and told.concatenate:
        if len(formats) > 1 or not formats <= _JOINABLE:
            message = f"Only CSV or GeoJSON members of one kind can be joined; the archive holds {_list(names)}."
            raise UnreadableSource("not_joinable", "archive", message, "Name one (normalization.member).")
    elif len(found) > 1:
        message = f"The archive holds {len(found)} datasets: {_list(names)}."
        fix = "Name one in the spec (normalization.member), or join tables (normalization.archive: concatenate)."
        raise UnreadableSource("several_datasets", "archive", message, fix)
    return found


def _unpack(archive: Archive, candidate: _Candidate, path: Path, told: Instructions) -> Part:
    """The candidate's files under names of ours; a shapefile's side by side."""
    main = candidate.members[0]
    if candidate.format != "shapefile":
        archive.extract(main, path)
        sniffed = sniff_file(path, told)
        return Part(path, sniffed.format, sniffed.delimiter, main.name)
    path.mkdir()
    for member in candidate.members:
        suffix = PurePosixPath(member.name).suffix.lower()
        if suffix in (*_NEEDED, *_OPTIONAL):
            archive.extract(member, path / f"data{suffix}")
    with (path / "data.shp").open("rb") as stream:
        if stream.read(len(_SHAPEFILE_MARK)) != _SHAPEFILE_MARK:
            message = f"The member {main.name[:80]!r} is not a shapefile."
            raise UnreadableSource("damaged_container", "archive", message, "Fetch it again from the upstream.")
    return Part(path / "data.shp", "shapefile", "", main.name)
