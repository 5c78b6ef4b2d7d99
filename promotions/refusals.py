"""The transaction around one attempt. A refusal undoes everything in it, and is then entered in the ledger by itself.

Every writer of a person's decision runs inside ``attempt``: what was refused is history too (design §5). A store that
can't be asked is a refusal as well: where nothing can be judged, nothing may happen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit import ledger
from datasets import questions
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.zones.store import StoreError


@dataclass(slots=True)
class Attempt:
    """``subject``: what the ledger will call it; ``allowed``: who may try it, on the dataset ``dataset_pk``.

    The writer makes them more exact once it knows.
    """

    subject: str
    allowed: Collection[Role] = ()
    dataset_pk: int | None = None

    def about(self, version: DatasetVersion, allowed: Collection[Role] = ()) -> None:
        """It is tried on *version*, as *allowed* may."""
        self.subject, self.dataset_pk, self.allowed = version.reference, version.dataset_id, allowed


@contextmanager
def attempt(  # noqa: PLR0913 - what the entry of a refusal says
    *,
    by: Person,
    verb: str,
    subject: str,
    at: datetime,
    allowed: Collection[Role] = (),
    dataset_pk: int | None = None,
) -> Iterator[Attempt]:
    """One durable transaction; ``Refused`` leaves it undone, recorded and raised. Not inside another transaction."""
    made = Attempt(subject, allowed, dataset_pk)
    try:
        try:
            with transaction.atomic(durable=True):
                yield made
        except StoreError as problem:
            message = f"The store can't be read now, so nothing was judged and nothing happened: {problem}"
            raise Refused("store_unavailable", message) from problem
    except Refused as refusal:
        role = by.role_told(made.dataset_pk, made.allowed)
        refusal.audit_ref = keep(by=by, verb=verb, subject=made.subject, code=refusal.code, at=at, role=role)
        refusal.message = f"{refusal.message} (Audit reference: {refusal.audit_ref})"
        raise


def keep(*, by: Person, verb: str, subject: str, code: str, at: datetime, role: Role | None = None) -> str:  # noqa: PLR0913 - the entry's own fields
    """Enters one refused attempt in the ledger, in a transaction of its own; the entry's reference.

    It is what the person is shown and can look up: also the page that answers this request shows it. ``role``: the one
    they tried it in; none where it was tried on nothing that a role belongs to.
    """
    told = (role or by.role_told(None)).value
    entry = ledger.refuse(actor=by.principal, role=told, verb=verb, subject=subject, code=code, at=at)
    questions.refused(str(entry))
    return str(entry)
