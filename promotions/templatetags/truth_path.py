"""Tags for templates of ``datasets``, which may not import promotions: strips and rails of the versions they list.

Decides nothing; the readers do the reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template

from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from promotions.readers import dataset_page

register = template.Library()


@register.simple_tag
def strips(rows: Iterable[Any]) -> dict[int, list[dict[str, str]]]:
    """By primary key, the strip of each version in *rows* (versions, or mappings that hold one as ``version``)."""
    versions = [row if isinstance(row, DatasetVersion) else row["version"] for row in rows]
    return dataset_page.strips(version.pk for version in versions if version is not None)


@register.simple_tag
def dataset_rail(person: Person, dataset: Dataset) -> dict[str, Any]:
    """The rail of one dataset, counting the versions that *person* may see."""
    return dataset_page.dataset_rail(person, dataset)
