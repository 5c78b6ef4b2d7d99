"""The words of a kept decision: what was asked, what was said, on which facts, and what would have allowed it.

Pure: a document in, sentences out. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.models import DatasetVersion
from datasets.policy.counterfactuals import Change

_ACTIONS: dict[str, str] = {
    "discover": "learn which versions there are",
    "read": "read the record of",
    "read_qa": "read the QA report of",
    "download": "download bytes of",
    "resolve_evidence": "resolve evidence in",
    "read_tombstone": "read the tombstone of",
}


def what_of(action: str, slug: str | None, version_id: str | None, *, of_list: bool) -> str:
    verb = _ACTIONS.get(action, action.replace("_", " "))
    if of_list:
        return "see which versions there are" + (f", on a page about {slug}" if slug else "")
    if action == "discover":
        return f"learn of {slug} @ {version_id}" if version_id else "learn of a version"
    return f"{verb} {slug or 'a dataset'}" + (f" @ {version_id}" if version_id else "")


def sentence_of(document: Mapping[str, Any], version: DatasetVersion | None, *, of_list: bool) -> str:
    if of_list:
        return "A list was shown with what the policies let this person read, and nothing else."
    if document["decision"] == "allow":
        return "The policies allowed it. An answer of “not found” then means that nothing more was there to serve."
    if version is None:
        return "Nothing of that name is there, so there was nothing to allow."
    return "The policies refused it; the person was told “not found”, as for something that never was."


def facts_of(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    resource = request["resource"]
    said = [
        ("Roles held", ", ".join(request["roles"])),
        ("Label", resource.get("policy_label")),
        ("Standing", resource.get("standing")),
        ("Brought in by the same person", {True: "yes", False: "no"}.get(resource.get("is_proposer"))),
        ("Grants on the dataset", ", ".join(resource.get("grants") or ()) or "none"),
        ("Embargo", f"until {resource['embargo_until']}" if resource.get("embargo_until") else "none"),
        ("The spec's obligations", ", ".join(str(o.get("type")) for o in resource.get("obligations") or ()) or "none"),
    ]
    if request.get("scope") is not None:
        said = [said[0], *((name.replace("_", " "), value) for name, value in request["scope"].items())]
    return [(name, str(value) if value is not None else "not known") for name, value in said]


def readable_of(kind: Mapping[str, Any]) -> dict[str, Any]:
    def words(group: Mapping[str, Any]) -> str:
        told = f"{', '.join(group['labels'])} in {', '.join(group['standings'])}"
        told += {True: ", own proposals", False: ", of others", None: ""}[group["own"]]
        return told + {True: ", under embargo", False: ", under no embargo", None: ""}[group["embargoed"]]

    who = ", ".join(kind["roles"]) + (" with read_restricted" if kind["read_restricted"] else "")
    return {"who": who, "groups": [words(group) for group in kind["groups"]]}


def sentences(found: Sequence[tuple[Change, ...]]) -> list[str]:
    """Each way once: alternatives of a role, and of a label, are told together."""
    labels: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for together in found:
        rest = tuple(change.key for change in together if change.kind != "label")
        labels.setdefault(rest, []).extend(change.value for change in together if change.kind == "label")
    roles: dict[tuple[tuple[tuple[str, str], ...], tuple[str, ...]], list[str]] = {}
    for rest, under in labels.items():
        others = tuple(key for key in rest if key[0] != "role")
        roles.setdefault((others, tuple(under)), []).extend(value for kind, value in rest if kind == "role")
    told = [_told_together(others, under, held) for (others, under), held in roles.items()]
    return [f"{text[:1].upper()}{text[1:]}." for text in told]


def _told_together(others: Sequence[tuple[str, str]], under: Sequence[str], held: Sequence[str]) -> str:
    parts = []
    if held:
        parts.append(f"if they held the role {_or(held)} on this dataset or everywhere")
    parts += [_WORDS[kind].format(value=value) for kind, value in others]
    if under:
        parts.append(f"if a new version had the label {_or(under)}")
    return ", and ".join(parts)


_WORDS = {
    "grant": "if they held a {value} grant on this dataset",
    "standing": "once it stands in {value}",
    "embargo": "once a person has lifted the embargo",
    "obligation": "if its spec did not keep it to metadata only",
    "applied": "once every obligation is applied and verified",
}


def _or(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
