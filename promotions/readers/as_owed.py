"""Whether the bytes of a version are still as its label and spec ask now: a label may have been tightened since.

Decides nothing about who reads; the API and the console's pages ask here before data go out (C2). Missing, unreadable
or denied means no.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datasets import decisions
from datasets.enforcement import declared_obligations, label_of
from datasets.models import DatasetVersion, PolicyDecision
from datasets.policy.obligations import TRANSFORMING, ObligationError, ObligationKind, parse_obligations, union
from datasets.policy.requests import Action
from promotions.models import Release

Documents = Iterable[Mapping[str, Any]]


def made_as_owed(made_under: Documents, owed: Documents) -> bool:
    """Whether bytes made under the one lack no transform of the other, and may go out at all."""
    try:
        before = parse_obligations(list(made_under))
        now = union(before, parse_obligations(list(owed)))
    except ObligationError:
        return False
    transforms = {json.dumps(o.as_json(), sort_keys=True) for o in before if o.kind in TRANSFORMING}
    required = {json.dumps(o.as_json(), sort_keys=True) for o in now if o.kind in TRANSFORMING}
    return required == transforms and not any(o.kind is ObligationKind.METADATA_ONLY for o in now)


def as_owed_now(version: DatasetVersion) -> bool:
    """Whether the version's bytes, as released or else as last assessed, are what is owed for them today.

    Where nothing of the data was let out at all, nothing is overtaken: the record stays open beside it.
    """
    label = label_of(version)
    made = _made_under(version)
    if label is None or made is None or made.decision != "allow":
        return False
    made_under = _obligations_of(made)
    if any(document.get("type") == ObligationKind.METADATA_ONLY.value for document in made_under):
        return True
    owed = [*(item.as_json() for item in label.default_obligations), *declared_obligations(version)]
    return made_as_owed(made_under, owed)


def _made_under(version: DatasetVersion) -> PolicyDecision | None:
    """The decision under which the bytes were made: the released one, or the last that a run asked for."""
    release = Release.objects.filter(version=version, round=version.standing.round).order_by("-pk").first()
    if release is not None:
        return PolicyDecision.objects.filter(pk=json.loads(release.manifest)["policy"]["decision_id"]).first()
    assessed = PolicyDecision.objects.filter(version=version, action=Action.ASSESS.value)
    return assessed.order_by("-decided_at", "-pk").first()


def _obligations_of(row: PolicyDecision) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = decisions.document_of(row)["obligations"]
    return found
