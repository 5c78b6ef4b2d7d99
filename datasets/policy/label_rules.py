"""What makes a label well formed, and which edits of one open more than before (C1; design §6; ADR 0025).

Decides, from facts alone, whether a second person must confirm an edit: any field that moves in the opening direction
is enough. Never looks at rows; what an edit does to versions is ``diff``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import get_args

from audit.findings import Finding
from datasets.policy.labels import BUILT_IN_LABELS, ColourToken, LabelFacts
from datasets.policy.obligations import unmet
from datasets.policy.roles import Role

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
LONGEST_NAME = 64
LONGEST_TITLE = 80
LONGEST_MEANING = 400
HIGHEST = 1000
COLOURS: tuple[str, ...] = get_args(ColourToken)
#: Who may sign at all, and who signs under every label.
SIGNS: tuple[str, ...] = (Role.STEWARD.value, Role.REVIEWER.value, Role.COUNCIL.value)
ALWAYS_SIGN = frozenset({Role.STEWARD.value, Role.REVIEWER.value})
#: Labels that the council need not sign for (design §6: every label but these two).
WITHOUT_COUNCIL = frozenset({"public", "public_generalized"})
#: Stewards and council read all.
ALWAYS_READ = frozenset({Role.STEWARD.value, Role.COUNCIL.value})
_ROLES = frozenset(role.value for role in Role)


def openings(before: LabelFacts | None, after: LabelFacts, others: Iterable[LabelFacts] = ()) -> tuple[str, ...]:
    """The fields in which *after* opens more than *before*, in the order of the form; ``("name",)`` for a new label.

    ``others``: every other label. To rank above one of them counts as opening when that one holds back more: versions
    could be moved from it to this label as if that were a tightening.
    """
    if before is None:
        return ("name",)
    found = dict(_opened(before, after))
    if floor_faults(before) and not floor_faults(after):
        found["name"] = True  # a label below its floor opens nothing at all; mending it opens something
    overtaken = [o for o in others if o.name != after.name and before.tightness <= o.tightness < after.tightness]
    if after.tightness < before.tightness or any(_holds_back_more(other, after) for other in overtaken):
        found["tightness"] = True
    return tuple(field for field, opened in found.items() if opened)


def _opened(before: LabelFacts, after: LabelFacts) -> Mapping[str, bool]:
    seen_before = {*before.readers, *before.qa_readers}
    return {
        "readers": not set(after.readers) <= set(before.readers),
        "qa_readers": not set(after.qa_readers) <= seen_before,
        "opened_by_grant": after.opened_by_grant and not before.opened_by_grant,
        "sign_off_roles": not set(before.sign_off_roles) <= set(after.sign_off_roles),
        "default_obligations": bool(unmet(before.default_obligations, after.default_obligations)),
        "releasable": after.releasable and not before.releasable,
    }


def _holds_back_more(other: LabelFacts, facts: LabelFacts) -> bool:
    return any(_opened(other, facts).values())


def label_findings(facts: LabelFacts) -> list[Finding]:
    """Everything that is wrong with a label; ``where`` is the form's field. Empty when it may be kept."""
    return [*_word_findings(facts), *_role_findings(facts), *floor_faults(facts)]


def _word_findings(facts: LabelFacts) -> list[Finding]:
    findings = []
    if NAME.fullmatch(facts.name) is None or len(facts.name) > LONGEST_NAME:
        message = f"A label's name has lower-case letters, digits and single underscores, at most {LONGEST_NAME}."
        findings.append(Finding("name_unfit", "name", message, "Example: tribal_consultation."))
    if not _one_line(facts.title, LONGEST_TITLE):
        message = f"A title is one line of 1 to {LONGEST_TITLE} characters."
        findings.append(Finding("title_unfit", "title", message, "Say it as a chip would."))
    if not _one_line(facts.meaning, LONGEST_MEANING):
        message = f"A meaning is one line of 1 to {LONGEST_MEANING} characters."
        findings.append(Finding("meaning_unfit", "meaning", message, "Say in a sentence who may know what."))
    if facts.colour not in COLOURS:
        findings.append(Finding("colour_unknown", "colour", "That is no colour of the console.", "Choose one listed."))
    if isinstance(facts.tightness, bool) or not 0 <= facts.tightness <= HIGHEST:
        message = f"Tightness is a whole number from 0 (public) to {HIGHEST}."
        findings.append(Finding("tightness_unfit", "tightness", message, "Compare with the labels listed."))
    return findings


def _one_line(text: str, longest: int) -> bool:
    return 0 < len(text.strip()) <= longest and text.isprintable()


def _role_findings(facts: LabelFacts) -> list[Finding]:
    readers, signs = set(facts.readers), set(facts.sign_off_roles)
    findings = []

    def fault(where: str, message: str, fix: str) -> None:
        findings.append(Finding(f"{where}_unfit", where, message, fix))

    if not readers <= _ROLES:
        fault("readers", "A reader is no role of the console.", "Choose from the list.")
    if missing := sorted(ALWAYS_READ - readers):
        fault("readers", f"Stewards and council read every label; {' and '.join(missing)} may not be left out.", "")
    if Role.PUBLIC.value in readers and not readers >= _ROLES:
        fault("readers", "What the public reads, everybody reads.", "Choose every role, or leave the public out.")
    if not set(facts.qa_readers) <= _ROLES - {Role.PUBLIC.value}:
        fault("qa_readers", "QA reports alone go to roles of the console, never to the public.", "")
    if not signs <= set(SIGNS):
        fault("sign_off_roles", f"Only {', '.join(SIGNS)} sign.", "Choose from the list.")
    must = ALWAYS_SIGN if facts.name in WITHOUT_COUNCIL else ALWAYS_SIGN | {Role.COUNCIL.value}
    if unsigned := sorted(must - signs):
        fault("sign_off_roles", f"Under this label {' and '.join(unsigned)} must sign as well.", "")
    return findings


def floor_faults(facts: LabelFacts) -> list[Finding]:
    """By field, where a built-in label would be looser than it is built in; empty for every other label."""
    seed = BUILT_IN_LABELS.get(facts.name)
    if seed is None:
        return []
    weaker = {
        "readers": not set(facts.readers) <= set(seed.readers),
        "qa_readers": not set(facts.qa_readers) <= {*seed.qa_readers, *seed.readers},
        "opened_by_grant": facts.opened_by_grant and not seed.opened_by_grant,
        "sign_off_roles": not set(seed.sign_off_roles) <= set(facts.sign_off_roles),
        "default_obligations": bool(unmet(seed.default_obligations, facts.default_obligations)),
        "releasable": facts.releasable and not seed.releasable,
        "tightness": facts.tightness < seed.tightness,
    }
    message = "{} is built in, and may not be looser here than it is built in ({})."
    return [
        Finding("looser_than_built_in", field, message.format(facts.name, built_in_words(seed, field)))
        for field, is_weaker in weaker.items()
        if is_weaker
    ]


def built_in_words(seed: LabelFacts, field: str) -> str:
    """What the built-in label says in *field*, in words."""
    value = getattr(seed, field)
    if field == "default_obligations":
        return ", ".join(item.kind.value.replace("_", " ") for item in seed.default_obligations) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "nobody" if isinstance(value, tuple) else str(value)
