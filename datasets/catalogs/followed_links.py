"""Each cross-link of a triplet on a line of its own: from where, to where, and whether gate D found fault with it.

Decides nothing anew: the findings are those of ``crosslinks.check_crosslinks``, given, and here they are only put
beside the link of ``cross_links`` that they speak of. A finding that fits several links counts against each; one that
fits none stays on its own (``left_over``), so that no finding is lost. A link to what is not there, or says other, is
unresolved whatever was found. Without a judgement, a link is not checked, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from audit.findings import Finding
from datasets.catalogs.cross_links import Known, Link, links_of

State = Literal["resolved", "unresolved", "unchecked"]
#: Codes that speak of a document or of a link that is not there, never of a link that is.
_OF_NO_LINK: Final = frozenset(
    {
        "dcat_link_missing",
        "prov_link_missing",
        "dcat_activity_missing",
        "item_missing",
        "fact_not_single",
        "fact_differs",
        "catalog_digest_differs",
        "dataset_count",
    }
)
_NOT_THERE: Final = "What it leads to is not there, or says otherwise."


@dataclass(frozen=True, slots=True)
class Followed:
    """A link, and what was found against it. ``reason``: why it could not be checked, or why it does not hold where the
    finding speaks of another link.
    """

    link: Link
    state: State
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def follow(known: Known, findings: Sequence[Finding] | None, reason: str = "") -> list[Followed]:
    """Every link that the readable documents make. ``findings``: gate D's of clause D2; ``None``: not judged, for that
    ``reason``.
    """
    every = list(links_of(known))
    if findings is None:
        return [Followed(link, "unchecked", (), reason) for link in every]
    unread = next((finding.message for finding in findings if finding.kind == "error"), "")
    against = _against(every, findings)
    return [_followed(link, tuple(against.get(link, ())), unread) for link in every]


def _followed(link: Link, against: tuple[Finding, ...], unread: str) -> Followed:
    """What can't be read may be why a link does not hold, and may hold what breaks one that does."""
    if against or (not link.holds and not unread):
        return Followed(link, "unresolved", against, "" if against else _NOT_THERE)
    return Followed(link, "unchecked", (), unread) if unread else Followed(link, "resolved")


def left_over(findings: Iterable[Finding], followed: Sequence[Followed]) -> list[Finding]:
    """The findings that speak of no listed link: above all, links that are missing."""
    taken = {finding for one in followed for finding in one.findings}
    return [finding for finding in findings if finding not in taken]


def _against(every: Sequence[Link], findings: Iterable[Finding]) -> Mapping[Link, list[Finding]]:
    at: dict[str, list[Link]] = {}
    for link in every:
        at.setdefault(link.place, []).append(link)
    against: dict[Link, list[Finding]] = {}
    for finding in findings:
        if finding.code not in _OF_NO_LINK and finding.kind != "error":
            for link in dict.fromkeys(_spoken_of(finding, at.get(finding.where, []))):
                against.setdefault(link, []).append(finding)
    return against


def _spoken_of(finding: Finding, there: Sequence[Link]) -> Sequence[Link]:
    """Of the links at the finding's place, those it is about: by its code, then by the names that it says."""
    rivals = [link for link in there if finding.code in link.codes] or there  # a code not known here: against all
    named = [link for link in rivals if link.target and link.target in finding.message]
    longest = max((len(link.target) for link in named), default=0)  # one name may begin another
    return [link for link in named if len(link.target) == longest] or rivals
