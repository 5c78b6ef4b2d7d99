"""How the text of a form's field is read and written: numbers, lists of words, JSON objects.

Decides nothing of a spec. What can't be read is refused in words for the field it stands in.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms

from audit.canonical import StrictJsonError, parse_strict


def number_of(text: str) -> float | int:
    """A JSON number. Raises ``ValueError``."""
    value = json.loads(text.strip(), parse_constant=lambda word: word)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value in (float("inf"), float("-inf")):
        raise ValueError(f"{text.strip()[:40]!r} is not a number.")
    return value


def put(target: dict[str, Any], name: str, value: Any) -> None:
    """Sets what was said; what was left empty is not in the spec. ``None`` for a field that did not read."""
    if value:
        target[name] = value
    else:
        target.pop(name, None)


def object_of(text: str, complaint: str) -> dict[str, Any]:
    """The JSON object that *text* spells, {} for none. Raises ``ValidationError``."""
    text = text.strip().replace("“", '"').replace("”", '"')
    if not text:
        return {}
    try:
        value = parse_strict(text)
    except StrictJsonError as error:
        raise forms.ValidationError(complaint) from error
    if not isinstance(value, dict):
        raise forms.ValidationError(complaint)
    return value


def words_of(text: str) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def json_text(value: Any) -> str:
    """*value* as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
