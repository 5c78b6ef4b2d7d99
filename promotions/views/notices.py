"""What a person was told in the console: the list, one opened, one or all marked as read. Each sees only their own."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from promotions import notices
from promotions.models import Notice
from promotions.views.asking import person_of
from promotions.views.inbox_place import number_of

_PAGE = 50


@login_required
@require_GET
def notice_list(request: HttpRequest) -> HttpResponse:
    """``promotions:notices``; ``show=all`` lists those that were read, too."""
    principal, every = person_of(request).principal, request.GET.get("show") == "all"
    rows = Notice.objects.filter(principal=principal) if every else notices.unread(principal)
    count = notices.unread(principal).count()
    context = {
        "page": Paginator(rows, _PAGE).get_page(request.GET.get("page")),
        "every": every,
        "count": count,
        "tabs": [
            {"label": "Unread", "href": "?", "current": not every, "count": count},
            {"label": "All", "href": "?show=all", "current": every, "count": None},
        ],
    }
    return render(request, "notices/notices.html", context)


@login_required
@require_POST
def open_notice(request: HttpRequest, notice_pk: int) -> HttpResponse:
    """``promotions:notice_open``: marks it as read and goes where it leads."""
    principal = person_of(request).principal
    notice = Notice.objects.filter(pk=notice_pk, principal=principal).first()
    if notice is None:
        raise Http404
    notices.mark_read(principal=principal, pks=[notice.pk], at=timezone.now())
    if not url_has_allowed_host_and_scheme(notice.path, allowed_hosts=None):
        return redirect("promotions:notices")
    return redirect(notice.path)


@login_required
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    """``promotions:notices_read``: those named by ``pk``, or with ``all`` every one."""
    pks = None if "all" in request.POST else [pk for pk in map(number_of, request.POST.getlist("pk")) if pk]
    count = notices.mark_read(principal=person_of(request).principal, pks=pks, at=timezone.now())
    messages.success(request, f"{count} notice{'' if count == 1 else 's'} marked as read.")
    return redirect("promotions:notices")
