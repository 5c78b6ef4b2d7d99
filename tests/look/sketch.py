# ruff: noqa: E501, T201 (a table of made-up facts reads better in long rows; this is a script that reports)
"""A kitchen sink to look at: every component with made-up facts, served under the console's own CSP, photographed by Chromium.

Run: .venv/bin/python -m tests.look.sketch [folder]. Never collected by pytest; nothing here is shipped.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

SIZES = {"wide": (1440, 1000), "phone": (390, 844)}
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Say nothing per request."""


def application():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kfm_console.settings")
    os.environ["KFM_VAR_DIR"] = tempfile.mkdtemp(prefix="kfm-look-")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    settings.ROOT_URLCONF = "tests.look.sketch_urls"
    settings.TEMPLATES[0]["DIRS"].append(Path(__file__).parent / "templates")
    settings.ALLOWED_HOSTS = ["*"]
    if os.environ.get("LOOK_MANIFEST"):
        call_command("collectstatic", verbosity=1, interactive=False)
        return get_wsgi_application()
    settings.DEBUG = True
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    return StaticFilesHandler(get_wsgi_application())


def facts() -> dict[str, object]:
    now = datetime.now(UTC)
    digest = "sha256:d282c86f8a1f3b0a4c47d0e6c0c2a99ea3a21b41f4d5a41f1f0c9e53a2d6b7e1"
    ada = {"name": "Ada Brandt", "role": "steward", "username": "steward"}
    names = ("Identity", "Licence", "Policy", "Catalogs", "Quality", "Receipts", "Manifest")
    states = ("pass", "pass", "waived", "block", "quarantine", "error", "not_run")
    strip = [{"gate": g, "name": n, "state": s} for g, n, s in zip("ABCDEFG", names, states, strict=True)]
    finding = {
        "clause": "D2",
        "code": "link_unresolved",
        "message": "The STAC item links to no receipt",
        "where": "/links/2/href",
        "expected": "kfm://run/…",
        "found": "../receipts/missing.json",
        "fix": "Rebuild the catalogs after the run that made this artifact.",
        "count": 12,
        "href": "?findings=D2",
        "runbook": {"label": "RB-DATA-004, step 3", "href": "#"},
    }
    clauses = [
        {"code": "D1", "sentence": "DCAT, STAC and PROV each validate under KFM's profile", "state": "pass",
         "evidence": [{"name": "dcat.jsonld", "digest": digest, "href": "/document/"}]},
        {"code": "D2", "sentence": "Every cross-link resolves, and digests agree", "state": "block", "findings": [
            finding,
            {"code": "digest_unreadable", "kind": "error", "message": "The store did not answer for one artifact",
             "where": "artifacts/events.parquet", "fix": "Try again when the store is back."}],
         "evidence": [{"name": "STAC item storm_2026_02", "digest": digest, "href": "/document/"}]},
        {"code": "D3", "sentence": "Every EvidenceRef resolves exactly", "state": "not_run"},
    ]  # fmt: skip
    counts = [("RAW", 6, "oldest 2 d"), ("WORK", 3, "oldest 5 h"), ("PROCESSED", 2, "oldest 1 d"), ("CATALOG", 4, "oldest 9 d"), ("PUBLISHED", 41, "newest 3 h ago")]  # fmt: skip
    home = {
        "stations": [{"name": n, "label": n, "count": c, "age": a, "href": f"?at={n}", "state": "passed"} for n, c, a in counts],
        "siding": {"name": "QUARANTINE", "label": "QUARANTINE", "count": 2, "age": "oldest 6 d", "href": "?at=Q", "state": "passed"},
    }  # fmt: skip
    path = [("RAW", "passed", "3 Feb 2026", "pipeline"), ("WORK", "passed", "3 Feb 2026", "pipeline"), ("PROCESSED", "passed", "4 Feb 2026", "Omar Reyes"), ("CATALOG", "here", "4 Feb 2026", "Omar Reyes"), ("PUBLISHED", "ahead", "", "")]  # fmt: skip
    version = {"stations": [{"name": n, "state": s, "at": at, "by": by} for n, s, at, by in path],
               "siding": None}  # fmt: skip
    withdrawn = {"stations": [{**s, "state": "struck" if s["name"] == "PUBLISHED" else "passed", "at": s["at"] or "5 Feb 2026"} for s in version["stations"]],
                 "siding": {"name": "QUARANTINE", "state": "passed", "at": "3 Feb 2026", "by": "released by Lin Park"}}  # fmt: skip
    rows = [
        {"slug": slug, "version": f"2026-0{i + 1}.d282c86f", "label": label, "standing": standing, "strip": strip[i:] + strip[:i], "at": now - timedelta(hours=5 * i * i + 2), "due": now + timedelta(days=3 - i), "size": 12_400_000 * (i + 1)}
        for i, (slug, label, standing) in enumerate([("noaa_ncei_storm_events", "public", "CATALOG"), ("ks_kgs_oil_gas_wells", "public_generalized", "CATALOG"), ("usfws_critical_habitat", "restricted_sensitive_location", "QUARANTINE"), ("census_tiger_counties", "public", "PUBLISHED"), ("ks_dwr_water_rights", "internal", "WITHDRAWN")])
    ]  # fmt: skip
    return {
        "now": now, "digest": digest, "ada": ada, "strip": strip, "home_rail": home, "version_rail": version, "withdrawn_rail": withdrawn, "rows": rows,
        "gates": [{"gate": "A", "name": "Identity", "state": "pass", "summary": "2 of 2 clauses hold", "clauses": clauses[:1]}, {"gate": "C", "name": "Policy", "state": "waived", "summary": "1 waiver", "clauses": []}, {"gate": "D", "name": "Catalogs", "state": "block", "summary": "12 links, one cause", "clauses": clauses}],
        "decision": {"sentence": "Two of three signatures; needs a reviewer who did not propose it", "tone": "quarantine", "detail": "Quorum for restricted_sensitive_location: steward, reviewer and council.",
            "signatures": [{"person": ada, "meaning": "approves as steward", "at": now - timedelta(hours=3)}, {"person": {"name": "Lin Park", "role": "council"}, "meaning": "approves as council", "at": now - timedelta(days=1)}, {"person": {"name": "Omar Reyes", "role": "reviewer"}, "meaning": "approved", "at": now, "void": "void: catalog/dcat.jsonld changed after"}],
            "actions": [{"verb": "sign", "label": "Sign as reviewer", "tone": "primary", "href": "#", "allowed": True}, {"verb": "request", "label": "Request changes", "tone": "danger", "href": "#", "allowed": True}, {"verb": "publish", "label": "Publish", "allowed": False, "why_not": "One signature is missing, and you signed on this version.", "who_can": "Maya Olsen (operator)"}],
            "digest": digest, "digest_words": "What is signed: the dossier of 14 clauses, 9 artifacts and 3 catalogs"},
        "job": {"id": "7", "title": "Normalize noaa_ncei_storm_events", "state": "running", "step": 3, "steps": 5, "doing": "Reprojecting 48,210 features to EPSG:4326", "done": 31_204, "total": 48_210, "elapsed": 74, "estimate": 40, "log": ["12:00:01 read events.geojson", "12:00:14 32 records without a county: quarantined", "12:01:15 31,204 of 48,210 written"], "cancel_url": "#"},
        "failed_job": {"id": "8", "title": "Rebuild catalogs", "state": "failed", "doing": "Stopped", "why": "The store refused to write: the disk is full.", "retry_url": "#", "elapsed": 3},
        "kv": [{"key": "Version", "value": "2026-02.d282c86f", "kind": "ident"}, {"key": "Spec hash", "value": digest, "kind": "digest"}, {"key": "Proposed by", "value": ada, "kind": "person"}, {"key": "Made", "value": now - timedelta(days=2), "kind": "time"}, {"key": "Label", "value": "public_generalized", "kind": "chip"}, {"key": "Size", "value": 12_400_000, "kind": "bytes"}],
        "findings": [finding], "clause": clauses[1],
        "tabs": [{"label": label, "href": f"?tab={label}", "current": i == 0, "count": 9 if label == "Files" else None} for i, label in enumerate(["Overview", "Files", "QA", "Policy", "Catalogs", "Provenance", "Receipts", "History"])],
        "diff": [{"what": "licence", "before": "CC-BY-4.0", "after": "CC0-1.0", "state": "changed"}, {"what": "column injuries", "before": None, "after": "integer", "state": "added"}, {"what": "column notes", "before": "text", "after": None, "state": "removed"}, {"what": "rows", "before": "48,210", "after": "48,210", "state": "same"}],
        "map": {"src": "/counties.geojson", "title": "Three synthetic areas and a station", "count": 4, "kinds": "3 polygons, 1 point", "notice": "Synthetic data.", "bbox": "-102.05,36.99,-94.59,40.0", "table": {"columns": ["name", "events"], "rows": [["West", 12], ["Middle", 31]]}},
        "filters": [{"name": "q", "label": "Find", "kind": "search"}, {"name": "label", "label": "Label", "kind": "select", "options": [{"value": "", "label": "any"}, {"value": "public", "label": "public"}]}],
        "drawer": {"kind": "Run receipt", "title": "Normalize, 4 Feb 2026", "digest": digest, "made_by": {"name": "Omar Reyes", "role": "operator"}, "made_at": now - timedelta(days=1), "run": {"label": "kfm://run/2026-02-04T12:00:00Z.a1b2", "href": "#"}, "rule": "F1: each producing run left a run receipt", "finding": {"code": "output_digest_differs", "where": "line 4", "message": "The receipt's output digest is not the stored one", "fix": "Run normalize again; the receipt is written by the run."}, "lines": [{"number": i, "text": t, "marked": i == 4} for i, t in enumerate(['{"run_id": "kfm://run/2026-02-04T12:00:00Z.a1b2",', ' "operation": "validate",', ' "outputs": [{"uri": "processed/events.parquet",', f'   "digest": "{digest}"}}],', ' "created_at": "2026-02-04T12:00:00Z"}'], 1)], "href": "/document/"},
        "viewer_roles": ["steward"], "waiting_count": 3, "ledger_state": {"tone": "pass", "sentence": "ledger verified 4 min ago, 1,204 entries", "href": "#"},
        "crumbs": [{"label": "Datasets", "href": "#"}, {"label": "noaa_ncei_storm_events", "href": "#"}, {"label": "2026-02.d282c86f"}],
    }  # fmt: skip


def photograph(base: str, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.on(
                    "console", lambda m, s=size: print(s, m.type, m.text) if m.type in {"error", "warning"} else None
                )
                page.on("pageerror", lambda e: print("PAGE ERROR", e))
                for name, path in (("home", "/"), ("version", "/version/"), ("login", "/login/"), ("form", "/form/")):
                    page.goto(base + path)
                    if page.locator(".map").count():
                        page.locator(".map[data-drawn]").wait_for(timeout=8000)
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                    wide = page.evaluate("() => document.documentElement.scrollWidth")
                    if wide > width:
                        print(f"{name} {size}: {wide} px wide, overflows")
                page.goto(base + "/version/")
                page.locator(".drawer-link:visible").first.click(timeout=4000)
                page.locator("#drawer-panel[open] h2").wait_for()
                print("drawer address:", page.url)
                page.wait_for_timeout(250)
                page.screenshot(path=folder / f"drawer-{size}-{scheme}.png")
                page.keyboard.press("Escape")
                print("focus back on:", page.evaluate("() => document.activeElement.className"), page.url)
                page.goto(base + "/version/?drawer=/document/")
                page.locator("#drawer-panel[open] h2").wait_for()
                page.close()
        browser.close()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="kfm-look-"))
    folder.mkdir(parents=True, exist_ok=True)
    server = make_server("127.0.0.1", 0, application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    photograph(f"http://127.0.0.1:{server.server_port}", folder)
    server.shutdown()
    print("Pictures in", folder)


if __name__ == "__main__":
    main()
