"""Words: a steward or council member who looks at a version as someone else would.

``Viewed`` is the person whose eyes are lent; ``by`` is who really asks. Nothing is shown that ``by`` may not see: that
is ``enforcement``'s, which asks for both. Decides nothing and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from datasets.people import PUBLIC, Person
from datasets.policy.roles import READ_RESTRICTED, Role

#: Who may lend themselves another's eyes, on the datasets of which they are that.
VIEWERS = frozenset({Role.STEWARD, Role.COUNCIL})


class Eyes(StrEnum):
    """As whom a version can be looked at."""

    PUBLIC = "public"
    PARTNER = "partner"
    CONTRIBUTOR = "contributor"

    @property
    def words(self) -> str:
        """As pages name them."""
        return _WORDS[self]

    @property
    def meaning(self) -> str:
        """Who that is, in a sentence's half."""
        return _MEANINGS[self]


_WORDS = {Eyes.PUBLIC: "the public", Eyes.PARTNER: "a partner", Eyes.CONTRIBUTOR: "a contributor"}
_MEANINGS = {
    Eyes.PUBLIC: "someone without an account",
    Eyes.PARTNER: "someone signed in, without a role, who holds a read_restricted grant on this dataset",
    Eyes.CONTRIBUTOR: "someone signed in who holds the role contributor, and proposed nothing here",
}


#: Of a name, so that what is added fits where principals are kept.
_MOST = 120


@dataclass(frozen=True, slots=True)
class Viewed(Person):
    """*by*, seeing as *eyes* do. The principal is nobody's: what *by* proposed is not theirs here."""

    by: Person = PUBLIC
    eyes: Eyes = Eyes.PUBLIC

    @property
    def is_public(self) -> bool:
        return self.eyes is Eyes.PUBLIC


def viewed(by: Person, eyes: Eyes, dataset_pk: int) -> Viewed:
    """*by*, looking at a version of one dataset as *eyes* would."""
    return Viewed(
        principal=f"{by.principal[:_MOST]} viewing as {eyes}",
        name=f"{by.name}, viewing as {eyes.words}",
        roles=frozenset({Role.CONTRIBUTOR}) if eyes is Eyes.CONTRIBUTOR else frozenset(),
        grants={dataset_pk: frozenset({READ_RESTRICTED})} if eyes is Eyes.PARTNER else {},
        by=by,
        eyes=eyes,
    )
