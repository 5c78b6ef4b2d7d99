"""What code and libraries a run ran with, for its receipt: a commit and an environment digest, found once a process.

In production both are given by settings. Elsewhere the digest is over the locked requirements and the commit is read
from the checkout; a copy without git history is named by a hash of its own source files, so the receipt still says
exactly which code ran (clause F1).
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import cache
from pathlib import Path

from django.conf import settings

PACKAGES = ("audit", "datasets", "promotions", "kfm_console")


@cache
def container_digest() -> str:
    """``sha256:<hex>`` of the container image (KFM_CONTAINER_DIGEST), or of the locked requirements."""
    if settings.KFM_CONTAINER_DIGEST:
        return str(settings.KFM_CONTAINER_DIGEST)
    lock = Path(settings.BASE_DIR) / "requirements" / "console.txt"
    return "sha256:" + hashlib.sha256(lock.read_bytes()).hexdigest()


@cache
def git_commit() -> str:
    """40 hex digits: KFM_GIT_COMMIT, or the checkout's HEAD, or a hash of the source files where there is no git."""
    if settings.KFM_GIT_COMMIT:
        return str(settings.KFM_GIT_COMMIT)
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            ["git", "-C", str(settings.BASE_DIR), "rev-parse", "HEAD"],  # noqa: S607 - git from PATH, or none
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return _source_hash()
    commit = answer.stdout.strip()
    return commit if answer.returncode == 0 and re.fullmatch(r"[0-9a-f]{40}", commit) else _source_hash()


def _source_hash() -> str:
    digest = hashlib.sha256()
    root = Path(settings.BASE_DIR)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:40]
