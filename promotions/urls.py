"""Every address of decisions; versions, uploads and jobs are in ``urls_versions``."""

from __future__ import annotations

from django.urls import path

from promotions import (
    urls_administration,
    urls_inbox,
    urls_quality,
    urls_recovery,
    urls_sources,
    urls_versions,
    urls_webhooks,
    urls_why,
)
from promotions.views import actions, board, evidence, queue, runbooks, service_accounts, tokens

app_name = "promotions"

_REVIEW = "datasets/<slug:slug>/versions/<version:version_id>/review/"

urlpatterns = [
    path("queue/", queue.queue_page, name="queue"),
    path(_REVIEW, board.board_page, name="board"),
    path(f"{_REVIEW}run/", actions.run, name="run"),
    path(f"{_REVIEW}evaluate/", actions.evaluate, name="evaluate"),
    path(f"{_REVIEW}<slug:name>/", actions.act, name="act"),
    path("evidence/<slug:slug>/<version:version_id>/<str:digest>/", evidence.document_page, name="evidence_document"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.issue, name="token_issue"),
    path("tokens/accounts/new/", service_accounts.open_account, name="account_open"),
    path("tokens/accounts/<int:account_pk>/", service_accounts.account_page, name="account"),
    path("tokens/<int:token_pk>/", tokens.token_page, name="token"),
    path("runbooks/", runbooks.runbook_list, name="runbooks"),
    path("runbooks/<str:runbook_id>/", runbooks.runbook_page, name="runbook"),
    *urls_administration.urlpatterns,
    *urls_inbox.urlpatterns,
    *urls_quality.urlpatterns,
    *urls_recovery.urlpatterns,
    *urls_sources.urlpatterns,
    *urls_versions.urlpatterns,
    *urls_webhooks.urlpatterns,
    *urls_why.urlpatterns,
]
