"""Says the media type of a file from its bytes, never from its name: a name is a claim.

What is not taken is only bytes. Whether the rest of the file is sound is its reader's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.formats.contents import sniff_file
from datasets.formats.errors import UnreadableSource
from datasets.formats.instructions import instructions
from datasets.formats.taken import TAKEN

UNKNOWN = "application/octet-stream"


def media_type_of(source: Path, spec: Mapping[str, Any]) -> str:
    """The media type that the first bytes of *source* show, text read as *spec* says it is; else ``UNKNOWN``."""
    try:
        found = sniff_file(source, instructions(spec)).format
    except UnreadableSource:
        return UNKNOWN
    return next(taken.media_type for taken in TAKEN if taken.format == found)
