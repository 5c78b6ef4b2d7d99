"""Writer: tells people what they should know, in the console and, where e-mail is on, by an e-mail owed.

A notice holds a case's number and where to look, never a finding, a value or a dataset's name: it stays readable to its
reader after they lost the right to see the case. Told inside the transaction of what it tells of, once a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import QuerySet

from promotions import deliveries
from promotions.models import Notice


def tell(  # noqa: PLR0913 - a notice's own fields
    *, principals: Iterable[str], kind: str, text: str, path: str, key: str, at: datetime
) -> None:
    """Gives each of *principals* the notice; one told under *key* already is not told again. No one is ``""``."""
    told = sorted(set(principals) - {""})
    Notice.objects.bulk_create(
        [Notice(principal=principal, kind=kind, text=text[:300], path=path, key=key, told_at=at) for principal in told],
        ignore_conflicts=True,
    )
    deliveries.owe_email(principals=told, subject=text, path=path, key=key, at=at)


def unread(principal: str) -> QuerySet[Notice]:
    """What *principal* has not read, newest first."""
    return Notice.objects.filter(principal=principal, read_at__isnull=True)


def mark_read(*, principal: str, pks: Collection[int] | None, at: datetime) -> int:
    """Marks *principal*'s own notices of *pks* as read (``None``: all); how many were unread."""
    rows = unread(principal)
    return (rows if pks is None else rows.filter(pk__in=pks)).update(read_at=at)
