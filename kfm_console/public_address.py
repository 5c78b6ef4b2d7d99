"""Where links from outside lead: the address that catalogs, e-mails and webhooks name.

``KFM_PUBLIC_URL`` decides. Without it, the first ``make up`` of a new database chooses its own address, and it is
remembered beside the database: catalogs hold it, so a later start on another port must not change it under them.
"""

from __future__ import annotations

from pathlib import Path

USUAL = "http://127.0.0.1:8000"


def public_url(named: str | None, remembered: Path) -> str:
    """*named* by the environment, else what the first start remembered, else the usual address."""
    if named:
        return named
    return remembered.read_text(encoding="utf-8").strip() if remembered.is_file() else USUAL


def remember(address: str, remembered: Path) -> None:
    """Keeps *address* for all later starts; what is remembered already stays."""
    if not remembered.exists():
        remembered.write_text(f"{address}\n", encoding="utf-8")


def difference(serving: str, public: str) -> str:
    """What to tell whoever starts the console at *serving* while links lead to *public*; empty: nothing."""
    if serving.rstrip("/") == public.rstrip("/"):
        return ""
    return (
        f"Links in catalogs, e-mails and webhooks lead to {public}, where this console was started first, and not to "
        f"{serving}. To move them, set KFM_PUBLIC_URL, and recover the catalogs, which hold the old address."
    )
