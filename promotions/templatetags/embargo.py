"""A tag for the dataset's page: whether its embargo runs. Decides nothing; the reader does the reading."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from datasets.models import Dataset
from datasets.people import Person
from promotions.readers.embargo_page import embargo_line

register = template.Library()


@register.simple_tag
def embargo_of(person: Person, dataset: Dataset) -> dict[str, Any] | None:
    """``embargo``, ``due`` and ``may_act``; ``None`` for those without a role on the dataset."""
    return embargo_line(person, dataset, timezone.now())
