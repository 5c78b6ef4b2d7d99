"""What differs between two builds is told by the thing that changed, not by the place it had in a list."""

from __future__ import annotations

import json
from typing import Any

from datasets.catalogs.document_diff import UNKNOWN, FieldChange, facts_behind, field_changes


def entity(name: str, size: int) -> dict[str, Any]:
    return {"@id": f"kfm://artifact/{name}", "kfm:size_bytes": {"@value": size}}


def changes(recorded: list[Any], rebuilt: list[Any]) -> list[FieldChange]:
    return field_changes(*(json.dumps({"@graph": graph}).encode() for graph in (recorded, rebuilt)))


def test_one_more_thing_moves_none_of_the_others() -> None:
    found = changes([entity("a", 1), entity("c", 3)], [entity("a", 1), entity("b", 2), entity("c", 3)])
    assert {change.pointer for change in found} == {
        "/@graph/[kfm://artifact/b]/@id",
        "/@graph/[kfm://artifact/b]/kfm:size_bytes/@value",
    }
    assert {change.recorded for change in found} == {"absent"}


def test_a_changed_field_is_named_by_its_thing_and_its_fact() -> None:
    (found,) = changes([entity("a", 1), entity("b", 2)], [entity("b", 2), entity("a", 4)])
    assert found == FieldChange("/@graph/[kfm://artifact/a]/kfm:size_bytes/@value", "the files on record", "1", "4")


def test_things_of_one_id_or_none_keep_their_places() -> None:
    (found,) = changes([entity("a", 1), entity("a", 2)], [entity("a", 1), entity("a", 3)])
    assert found.pointer == "/@graph/1/kfm:size_bytes/@value"
    (found,) = changes([1, 2], [1, 3])
    assert found.pointer == "/@graph/1"


def test_what_is_not_known_is_told_last() -> None:
    found = [FieldChange("/a", UNKNOWN, "", ""), FieldChange("/b", "the spec", "", "")]
    assert facts_behind(found) == ["the spec", UNKNOWN]
