"""How the inbox writes names. Decides nothing."""

from __future__ import annotations

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def breakable(value: object) -> SafeString:
    """A slug that a narrow row may break after an underscore, nowhere else."""
    parts = str(value).split("_")
    last = len(parts) - 1
    return format_html_join("", "{}{}<wbr>", ((part, "_" if n < last else "") for n, part in enumerate(parts)))
