"""One finding: what a check saw, where, and how to mend it.

Every validator in the project answers with a list of these; an empty list means the check held.
``kind`` keeps three things apart that are never shown as one another: the rule is broken (``violated``),
what it needs is not there (``missing``), the check itself could not be made (``error``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final, Literal, Protocol

_PARTICULAR: Final = re.compile(
    r"""'[^']*'|"[^"]*"|<[^<>\s]+>|\b[a-z][a-z0-9]*:(?://)?[^\s,;]*[^\s,;.]|\b[0-9a-f]{16,}\b|\b\d[\d.]*\b"""
)
"""What tells one place from another in a message: a quoted text, an address or id, a digest, a number."""
Kind = Literal["violated", "missing", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``code``: lower_snake, stable; ``where``: JSON pointer, line, path or field; ``message``, ``fix``: sentences."""

    code: str
    where: str
    message: str
    fix: str = ""
    kind: Kind = "violated"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Told(Protocol):
    """A finding of any kind, as a gate or a validator tells it."""

    @property
    def code(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def fix(self) -> str: ...
    @property
    def kind(self) -> Kind: ...


@dataclass(frozen=True, slots=True)
class RootCause:
    """Findings that one thing caused: they differ only in where, or in the id, address or number that they name.

    ``message``: the sentence that they share, with ``…`` for what differs; ``places``: each ``where``, in order.
    """

    code: str
    message: str
    fix: str
    kind: Kind
    places: tuple[str, ...]


def grouped(findings: Iterable[Told]) -> list[RootCause]:
    """The findings by root cause: first what could not be checked, since it may explain the rest; then as they came."""
    causes: dict[tuple[str, str, str], list[Told]] = {}
    for finding in findings:
        causes.setdefault((finding.code, finding.kind, _PARTICULAR.sub("…", finding.message)), []).append(finding)
    found = []
    for (code, _, shared), same in causes.items():
        messages = {finding.message for finding in same}
        message = messages.pop() if len(messages) == 1 else shared
        found.append(RootCause(code, message, same[0].fix, same[0].kind, tuple(finding.where for finding in same)))
    return sorted(found, key=lambda cause: cause.kind != "error")
