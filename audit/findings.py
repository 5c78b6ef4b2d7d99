"""One finding: what a check saw, where, and how to mend it.

Every validator in the project answers with a list of these; an empty list means the check held.
``kind`` keeps three things apart that are never shown as one another: the rule is broken (``violated``),
what it needs is not there (``missing``), the check itself could not be made (``error``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

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
