"""The transaction around one attempt. A refusal undoes everything in it, and is then entered in the ledger by itself.

Every writer of a person's decision runs inside ``attempt``: what was refused is history too (design §5). A store that
can't be asked is a refusal as well: where nothing can be judged, nothing may happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit import ledger
from datasets import questions
from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.zones.store import StoreError


@dataclass(slots=True)
class Attempt:
    """``subject``: what the ledger will call it; the writer makes it more exact once it knows."""

    subject: str


@contextmanager
def attempt(*, by: Person, verb: str, subject: str, at: datetime) -> Iterator[Attempt]:
    """One durable transaction; ``Refused`` leaves it undone, recorded and raised. Not inside another transaction."""
    made = Attempt(subject)
    try:
        try:
            with transaction.atomic(durable=True):
                yield made
        except StoreError as problem:
            message = f"The store can't be read now, so nothing was judged and nothing happened: {problem}"
            raise Refused("store_unavailable", message) from problem
    except Refused as refusal:
        refusal.audit_ref = keep(by=by, verb=verb, subject=made.subject, code=refusal.code, at=at)
        refusal.message = f"{refusal.message} (Audit reference: {refusal.audit_ref})"
        raise


def keep(*, by: Person, verb: str, subject: str, code: str, at: datetime) -> str:
    """Enters one refused attempt in the ledger, in a transaction of its own; the entry's reference.

    It is what the person is shown and can look up: also the page that answers this request shows it.
    """
    role = min((r.value for r in by.all_roles), default=Role.PUBLIC.value)
    entry = ledger.refuse(actor=by.principal, role=role, verb=verb, subject=subject, code=code, at=at)
    questions.refused(str(entry))
    return str(entry)
