"""The seven built-in policy labels as values: who reads them, who signs, what they oblige, how tight they are.

Decides only whether one label is tighter than another (C1, design §6). Labels are also rows that admins
manage; these are
the seed, and no row of a built-in name may be looser than its seed. A label's readers here are those of *published*
versions; standings, grants and proposals are the policies' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from datasets.policy.obligations import Obligation, ObligationKind, parse_obligations, union, unmet
from datasets.policy.roles import Role

ColourToken = Literal["pass", "block", "quarantine", "idle", "waived", "accent"]

STAFF_AND_PUBLIC: tuple[str, ...] = tuple(role.value for role in Role)
STAFF: tuple[str, ...] = tuple(role.value for role in Role if role is not Role.PUBLIC)
OWNERS: tuple[str, ...] = (Role.STEWARD.value, Role.COUNCIL.value)
REVIEWING: tuple[str, ...] = (Role.REVIEWER.value, *OWNERS)
TWO_SIGN: tuple[str, ...] = (Role.STEWARD.value, Role.REVIEWER.value)
THREE_SIGN: tuple[str, ...] = (*TWO_SIGN, Role.COUNCIL.value)


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What the policies need to know of a label.

    ``readers``: roles that read published versions under it; ``qa_readers``: roles that may read its QA reports only;
    ``opened_by_grant``: a ``read_restricted`` grant on the dataset opens it; ``releasable``: a version under it may be
    published at all; ``tightness``: higher is tighter, 0 is public; ``sign_off_roles``: the quorum.
    """

    name: str
    title: str
    meaning: str
    readers: tuple[str, ...]
    sign_off_roles: tuple[str, ...]
    tightness: int
    colour: ColourToken
    default_obligations: tuple[Obligation, ...] = ()
    qa_readers: tuple[str, ...] = ()
    opened_by_grant: bool = False
    releasable: bool = True
    built_in: bool = False

    def as_json(self) -> dict[str, object]:
        """The facts that decide (no title, colour or prose), in a stable order: digested into the policy bundle."""
        return {
            "name": self.name,
            "readers": sorted(self.readers),
            "qa_readers": sorted(self.qa_readers),
            "sign_off_roles": sorted(self.sign_off_roles),
            "default_obligations": [item.as_json() for item in union(self.default_obligations)],
            "tightness": self.tightness,
            "opened_by_grant": self.opened_by_grant,
            "releasable": self.releasable,
        }


def label_from_json(document: Mapping[str, Any]) -> LabelFacts:
    """The facts inside a kept bundle: all that decides, no title and no prose.

    Raises ``KeyError``, ``TypeError`` or ``ObligationError`` when they are not what :meth:`LabelFacts.as_json` writes.
    """
    return LabelFacts(
        name=document["name"],
        title="",
        meaning="",
        readers=tuple(document["readers"]),
        sign_off_roles=tuple(document["sign_off_roles"]),
        tightness=document["tightness"],
        colour="idle",
        default_obligations=parse_obligations(document["default_obligations"]),
        qa_readers=tuple(document["qa_readers"]),
        opened_by_grant=document["opened_by_grant"],
        releasable=document["releasable"],
        built_in=document["name"] in BUILT_IN_LABELS,
    )


_SEED: tuple[LabelFacts, ...] = (
    LabelFacts(
        name="public",
        title="Public",
        meaning="Everybody may read it, with attribution.",
        readers=STAFF_AND_PUBLIC,
        sign_off_roles=TWO_SIGN,
        tightness=0,
        colour="pass",
        default_obligations=(Obligation(ObligationKind.REQUIRE_ATTRIBUTION),),
        built_in=True,
    ),
    LabelFacts(
        name="public_generalized",
        title="Public, generalized",
        meaning="Everybody may read the generalized form; the exact places never leave the store.",
        readers=STAFF_AND_PUBLIC,
        sign_off_roles=TWO_SIGN,
        tightness=10,
        colour="accent",
        default_obligations=(
            Obligation(ObligationKind.GENERALIZE_GEOMETRY, 1000),
            Obligation(ObligationKind.REQUIRE_ATTRIBUTION),
        ),
        built_in=True,
    ),
    LabelFacts(
        name="internal",
        title="Internal",
        meaning="Signed-in contributors and staff may read it.",
        readers=STAFF,
        sign_off_roles=THREE_SIGN,
        tightness=20,
        colour="idle",
        built_in=True,
    ),
    LabelFacts(
        name="embargoed",
        title="Embargoed",
        meaning="Reviewers, stewards and council only, until a new version is released under another label.",
        readers=REVIEWING,
        sign_off_roles=THREE_SIGN,
        tightness=30,
        colour="waived",
        built_in=True,
    ),
    LabelFacts(
        name="restricted",
        title="Restricted",
        meaning="Stewards, council and people with a grant on the dataset may read it.",
        readers=OWNERS,
        sign_off_roles=THREE_SIGN,
        tightness=40,
        colour="block",
        opened_by_grant=True,
        built_in=True,
    ),
    LabelFacts(
        name="restricted_sensitive_location",
        title="Restricted: sensitive location",
        meaning="As restricted; the places themselves are what must not be learned.",
        readers=OWNERS,
        sign_off_roles=THREE_SIGN,
        tightness=50,
        colour="block",
        opened_by_grant=True,
        built_in=True,
    ),
    LabelFacts(
        name="quarantine",
        title="Quarantine",
        meaning="Nobody is served it; those who review may look, operators see its QA reports.",
        readers=REVIEWING,
        sign_off_roles=THREE_SIGN,
        tightness=60,
        colour="quarantine",
        qa_readers=(Role.OPERATOR.value,),
        releasable=False,
        built_in=True,
    ),
)

BUILT_IN_LABELS: Mapping[str, LabelFacts] = MappingProxyType({facts.name: facts for facts in _SEED})


#: Roles whose gaining of a label always counts as opening it; the others see versions in order to judge or run them.
OUTER_CIRCLE: frozenset[str] = frozenset(
    {Role.PUBLIC.value, Role.CONTRIBUTOR.value, Role.AUDITOR.value, Role.ADMIN.value}
)


def is_tightening(old: LabelFacts, new: LabelFacts) -> bool:
    """True when ``new`` ranks strictly tighter and lets nobody of the outer circle in who was out.

    Going from ``restricted`` to ``quarantine`` is a tightening although reviewers see the latter: they must,
    to triage it.
    """
    added = (set(new.readers) - set(old.readers)) & OUTER_CIRCLE
    return new.tightness > old.tightness and not added and not (new.releasable and not old.releasable)


def looser_than_built_in(facts: LabelFacts) -> bool:
    """True when ``facts`` bear a built-in name and let more out, ask fewer sign-offs or rank lower than the seed."""
    seed = BUILT_IN_LABELS.get(facts.name)
    if seed is None:
        return False
    return (
        not set(facts.readers) <= set(seed.readers)
        or not set(facts.qa_readers) <= {*seed.qa_readers, *seed.readers}
        or (facts.opened_by_grant and not seed.opened_by_grant)
        or (facts.releasable and not seed.releasable)
        or not set(seed.sign_off_roles) <= set(facts.sign_off_roles)
        or bool(unmet(seed.default_obligations, facts.default_obligations))
        or facts.tightness < seed.tightness
    )
