"""Which parts of a version a release hands out beside its catalogs, and what the catalogs call each.

Decides only names, for those who write the catalogs, who judge them and who gather what is judged (clause D2).
"""

from __future__ import annotations

from typing import Final

#: Parts that go out, the key each has in the catalogs, and its role there.
RELEASED: Final = {
    "data": ("data", "data"),
    "preview": ("preview", "overview"),
    "qa_report": ("qa-report", "qa"),
    "terms": ("terms", "terms"),
}
#: Of these, the ones that hold something of the data themselves.
DATA_PARTS: Final = ("data", "preview")
