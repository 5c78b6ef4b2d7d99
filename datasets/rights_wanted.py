"""A role or grant that someone asked to give: as a document, and against what it was asked. Reads; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

from audit.digests import digest_json
from datasets import people
from datasets.errors import Refused
from datasets.holdings import GRANTS
from datasets.models import Dataset, DatasetGrant, RoleAssignment
from datasets.persons import Person
from datasets.policy.roles import Role
from datasets.receipts import instant


@dataclass(frozen=True, slots=True)
class Wanted:
    """``right``: a role everywhere, or, with a dataset, a grant on it."""

    user: User
    right: str
    dataset: Dataset | None
    expires_at: datetime | None

    @property
    def document(self) -> dict[str, Any]:
        """What the change would make so."""
        return {
            "user": self.user.username,
            "right": self.right,
            "dataset": self.dataset.slug if self.dataset else None,
            "expires_at": instant(self.expires_at) if self.expires_at else None,
        }

    def basis(self) -> str:
        """The digest of what it is asked against: whether the account is open, and the same right as held now."""
        active = User.objects.filter(pk=self.user.pk, is_active=True).exists()
        held = {"user": self.user, "revoked_at__isnull": True}
        if self.dataset is None:
            row = RoleAssignment.objects.filter(role=self.right, **held).values_list("pk", flat=True).first()
        else:
            rows = DatasetGrant.objects.filter(dataset=self.dataset, grant=self.right, **held)
            row = rows.values_list("pk", flat=True).first()
        return str(digest_json({"active": active, "held": str(row or "")}))


def of_document(document: dict[str, Any]) -> Wanted:
    """What *document* wants. Raises ``Refused`` when its person or dataset is not there any more."""
    user = User.objects.filter(username=document["user"]).first()
    slug = document["dataset"]
    dataset = Dataset.objects.filter(slug=slug).first() if slug is not None else None
    if user is None or (slug is not None and dataset is None):
        raise Refused("overtaken", "The account or the dataset is not there any more.")
    end = document["expires_at"]
    when = datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if end else None
    return Wanted(user, document["right"], dataset, when)


def check(wanted: Wanted, by: Person, reason: str, at: datetime) -> None:
    """Whether it may be asked for at all, so that nobody confirms what would then be refused."""
    people.check_gives(by, wanted.user, reason)
    people.check_end(wanted.expires_at, at)
    if wanted.dataset is not None and wanted.right not in GRANTS:
        raise Refused("grant_unknown", "There is no such grant. Choose from the list.")
    if wanted.dataset is None and wanted.right not in set(Role) - {Role.PUBLIC}:
        raise Refused("role_not_assignable", "That role is not assigned. Choose from the list.")
    people.check_makes_way(wanted.user, wanted.right, wanted.dataset, wanted.expires_at, at)
