"""Asks the outside addresses that a dataset's catalogs name, politely, through the guard that every fetch goes through.

Reads which addresses the stored catalogs name, asks those that are owed, and keeps each answer as it comes, so that a
run that is cut off loses none. A host is asked once a second at most, and so many times a run. Log lines hold a link's
number and how it ended, never its address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django.conf import settings

from datasets import links
from datasets.catalogs.outside_addresses import outside_addresses
from datasets.links import Answered
from datasets.models import Dataset, DatasetVersion, ExternalLink, LinkOutcome
from datasets.people import Person
from datasets.runs import current_files
from datasets.steps.workspace import Listener
from datasets.stores import read_whole
from datasets.upstream.errors import UpstreamError, UpstreamFailed, UpstreamRefused
from datasets.upstream.probe import ANY_HOST, PROBE_LIMITS, probe
from datasets.upstream.terms import Wire
from datasets.upstream.urls import parse_url, require_allowed

MOST_A_HOST = 20
PAUSE_SECONDS = 1.0
#: Rules about the address itself; other refusals (redirects without end, a head too large) are the host's failing.
_ADDRESS_RULES = frozenset({"host_not_allowed", "port_not_allowed", "address_not_public", "allow_list"})
_GONE = frozenset({404, 410})


def wire() -> Wire:
    """How the outside is reached."""
    return Wire()


_NAMING_PARTS = frozenset({"dcat", "stac_collection", "stac_item"})


def addresses_of(version: DatasetVersion) -> dict[str, str]:
    """Address to words, as the version's stored catalogs name them; a document that can't be read names none."""
    by_part: dict[str, list[bytes]] = {}
    for file in current_files(version):
        raw = read_whole(file.artifact_id) if file.part in _NAMING_PARTS else None
        if raw is not None:
            by_part.setdefault(file.part, []).append(raw)
    stac = (*by_part.get("stac_collection", ()), *by_part.get("stac_item", ()))
    found: dict[str, str] = {}
    for dcat in by_part.get("dcat", [b""]):
        found |= outside_addresses(dcat, stac, own=settings.KFM_PUBLIC_URL)
    return found


def _unread(version: DatasetVersion) -> int:
    """How many documents of the version that name addresses are gone from the store, or damaged there."""
    return sum(file.part in _NAMING_PARTS and read_whole(file.artifact_id) is None for file in current_files(version))


def name_addresses(
    dataset: Dataset, versions: Iterable[DatasetVersion], *, by: Person, at: datetime, listener: Listener
) -> None:
    """Files the addresses that the catalogs of *versions* name.

    What a lost document named is not known, so while there is one nothing counts as named no longer.
    """
    found: dict[str, str] = {}
    unread = 0
    for version in versions:
        found = addresses_of(version) | found
        unread += _unread(version)
    if unread:
        found = links.named_now(dataset) | found
        listener.line(f"{unread} catalog document(s) can't be read: recover them; until then no address is taken off.")
    listener.hold()
    new, dropped = links.name_links(dataset=dataset, found=found, by=by, at=at)
    listener.line(f"{len(found)} outside address(es) named; {new} new, {dropped} named no longer.")


def ask_owed(
    dataset: Dataset,
    *,
    everything: bool,
    by: Person,
    clock: Callable[[], datetime],
    listener: Listener,
) -> Mapping[str, int]:
    """Asks what is owed and keeps the answers; how many ended how."""
    by_wire, hosts = wire(), links.hosts_for(dataset)
    owed = list(links.owed(dataset, clock(), everything=everything).select_related("dataset"))
    ended: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for done, link in enumerate(owed, start=1):
        listener.progress(done, len(owed))
        answered = _answer(link, hosts, asked, by_wire, None if everything else clock())
        if answered is None:
            ended["later"] += 1
            continue
        listener.hold()
        kept = links.record_answer(link=link, answered=answered, by=by, at=clock())
        if kept is not None:
            ended[answered.outcome.value] += 1
            status = f" (HTTP {answered.status})" if answered.status else ""
            listener.line(f"Link {link.pk}: {answered.outcome.label}{status}.")
    return ended


def _answer(
    link: ExternalLink, hosts: frozenset[str], asked: Counter[str], by_wire: Wire, shared_at: datetime | None
) -> Answered | None:
    """How *link* answers; ``None``: its host was asked often enough. With *shared_at*, others' answers count."""
    try:
        url = parse_url(link.url)
        require_allowed(url, {url.entry} if ANY_HOST in hosts else hosts, PROBE_LIMITS.ports)
        shared = links.shared_answer(link, shared_at) if shared_at is not None else None
        if shared is not None:
            return shared
        if asked[url.host] >= MOST_A_HOST:
            return None
        if asked[url.host]:
            by_wire.sleep(PAUSE_SECONDS)
        asked[url.host] += 1
        found = probe(link.url, allowed_hosts=hosts, wire=by_wire)
    except UpstreamError as problem:
        return _unanswered(problem)
    outcome = LinkOutcome.ANSWERS if found.answers else LinkOutcome.GONE if found.status in _GONE else LinkOutcome.FAILS
    detail = f"After {found.redirects} redirect(s), host {found.host}." if found.redirects else ""
    return Answered(outcome, found.status, detail, found.retry_after)


def _unanswered(problem: UpstreamError) -> Answered:
    if isinstance(problem, UpstreamRefused) and (problem.code in _ADDRESS_RULES or problem.code.startswith("url_")):
        detail = problem.message
        if problem.code == "host_not_allowed":
            detail = "Nobody gave leave to ask this host."
        return Answered(LinkOutcome.REFUSED, None, detail)
    status = problem.status if isinstance(problem, UpstreamFailed) else None
    wait = problem.retry_after if isinstance(problem, UpstreamFailed) else None
    return Answered(LinkOutcome.FAILS, status, problem.message, wait)
