"""Writer: service accounts, which outside pipelines act as: opened by an admin for single datasets, and closed.

Decides what such an account may do: send runs to the datasets it was opened for, by the grant to contribute there, and
nothing else: no role, no password, so no way in by a browser. Its mark is ``tokens.SERVICE_GROUP``. A closed account
keeps its name and its mark, so that nobody else can ever act under that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import tokens
from datasets.errors import Refused
from datasets.holdings import permissions
from datasets.models import Dataset, ServiceToken
from datasets.people import Person, give_grant, revoke_role, take_grant
from datasets.policy.roles import Role
from datasets.tokens import SERVICE_GROUP

PREFIX = "svc-"
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_SLUG = 40
LONGEST_NAME = 80
MOST_DATASETS = 50
#: All that sending runs and proposing their versions asks for (``submissions``); operating would publish, too.
GRANT = "contribute_dataset"


def open_account(  # noqa: PLR0913 - the facts of one account
    *, name: str, slug: str, datasets: Collection[Dataset], reason: str, by: Person, at: datetime
) -> User:
    """A new service account ``svc-<slug>`` that may send runs to *datasets*. Raises ``Refused``, findings by field."""
    with transaction.atomic():
        _check_admin(by)
        findings = [*_check_names(name, slug), *_check_datasets(datasets), *tokens.check_reason(reason)]
        if findings:
            raise Refused("account_faulty", "The account was not opened: " + findings[0].message, findings)
        account = _create(PREFIX + slug, name.strip(), at)
        account.groups.add(Group.objects.get_or_create(name=SERVICE_GROUP)[0])
        _record(Event.ACCOUNT_OPENED, account, by, reason, at)
        for dataset in sorted(datasets, key=lambda d: d.slug):
            give_grant(user=account, dataset=dataset, grant=GRANT, by=by, reason=reason.strip(), at=at)
    return account


def close_account(*, account_pk: int, reason: str, by: Person, at: datetime) -> User:
    """Ends an account: its live tokens, roles and grants with it. Raises ``Refused`` when it is closed already."""
    with transaction.atomic():
        _check_admin(by)
        if findings := tokens.check_reason(reason):
            raise Refused("reason_missing", findings[0].message, findings)
        account = User.objects.select_for_update(of=("self",)).get(pk=account_pk)
        if not tokens.is_service_account(account):
            raise Refused("no_service_account", f"{account.username} is no service account; it is not closed here.")
        if not account.is_active:
            raise Refused("closed_already", f"{account.username} is closed already.")
        for token in ServiceToken.objects.filter(user=account, revoked_at__isnull=True).order_by("pk"):
            tokens.revoke(token_pk=token.pk, reason=reason, by=by, at=at)
        take_all(account, by, reason.strip(), at)
        if User.objects.filter(pk=account.pk, is_active=True).update(is_active=False) != 1:
            raise Refused("closed_already", f"{account.username} was closed meanwhile.")
        account.is_active = False
        _record(Event.ACCOUNT_CLOSED, account, by, reason, at)
    return account


def _create(principal: str, name: str, at: datetime) -> User:
    """The account's row, without a usable password. Names that differ by case alone are one name."""
    taken = Finding("principal_taken", "slug", f"There is or was an account {principal}.", "Choose another name.")
    refusal = Refused("principal_taken", "The account was not opened: " + taken.message, [taken])
    if User.objects.filter(username__iexact=principal).exists():
        raise refusal
    try:
        with transaction.atomic():
            return User.objects.create_user(principal, password=None, first_name=name, date_joined=at)
    except IntegrityError as error:
        raise refusal from error


def take_all(account: User, by: Person, reason: str, at: datetime) -> None:
    """Takes every role and grant, also a grant of which only the row or only the permission is there."""
    rows = permissions().filter(user=account).values_list("object_pk", "permission__codename")
    given = account.dataset_grants.filter(revoked_at__isnull=True).values_list("dataset_id", "grant")
    for key, grant in sorted({(int(key), grant) for key, grant in rows} | set(given)):
        dataset = Dataset.objects.get(pk=key)
        take_grant(user=account, dataset=dataset, grant=grant, by=by, reason=reason, at=at)
    held = account.role_assignments.filter(revoked_at__isnull=True).order_by("role")
    for role in list(held.values_list("role", flat=True)):
        revoke_role(user=account, role=Role(role), by=by, reason=reason, at=at)


def _check_admin(by: Person) -> None:
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin opens and closes service accounts.")


def check_slug(slug: str) -> list[Finding]:
    """Why *slug* can't end the principal of a service account; empty when it can."""
    if SLUG.fullmatch(slug) is not None and len(slug) <= LONGEST_SLUG:
        return []
    message = f"A short name has lower-case letters, digits and single hyphens, at most {LONGEST_SLUG}."
    return [Finding("slug_unfit", "slug", message, f"Example: airflow-prod, for {PREFIX}airflow-prod.")]


def _check_names(name: str, slug: str) -> list[Finding]:
    findings = []
    if not 0 < len(name.strip()) <= LONGEST_NAME or tokens.is_unprintable(name):
        message = f"A service account's name is one line of 1 to {LONGEST_NAME} characters."
        findings.append(Finding("name_unfit", "name", message, "Say what it is, such as Airflow, production."))
    return findings + check_slug(slug)


def _check_datasets(datasets: Collection[Dataset]) -> list[Finding]:
    if 0 < len(datasets) <= MOST_DATASETS:
        return []
    message = f"A service account sends to 1 to {MOST_DATASETS} datasets."
    return [Finding("datasets_unfit", "datasets", message, "Choose those that its pipeline makes.", "missing")]


def _record(event: Event, account: User, by: Person, reason: str, at: datetime) -> None:
    """The account's own beginning or end; its grants have entries of their own."""
    references = {"principal": account.username, "reason_digest": str(digest_bytes(reason.strip().encode()))}
    subject = f"user/{account.username}"
    ledger.append(event=event, actor=by.principal, role=Role.ADMIN.value, subject=subject, references=references, at=at)
