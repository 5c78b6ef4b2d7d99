"""Workers that die over a message, and two at once: what arrives, and what the row says. Real threads and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from promotions import deliveries, notices
from promotions.models import Delivery, WebhookEndpoint
from tests.promotions.test_races import together
from tests.webhooks.mail_server import mail_server
from tests.webhooks.receiver import URL, ca_file, receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed"), pytest.mark.slow]
MINUTE = timedelta(minutes=1)


def hook() -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(name="Ops room", url=URL, recorded_by="admin", recorded_at=timezone.now())


def owed_mail() -> Delivery:
    User.objects.create_user("reviewer", email="reviewer@example.org")
    notices.tell(principals=["reviewer"], kind="k", text="Case 1.", path="/", key="k", at=timezone.now())
    return Delivery.objects.get()


def database_url() -> str:
    """The test's database, as ``DATABASE_URL`` names it."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    secret = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    user = f"{quote(found['USER'], safe='')}{secret}@" if found["USER"] else ""
    port = f":{found['PORT']}" if found["PORT"] else ""
    if found["HOST"].startswith("/"):
        return f"postgresql://{user}/{found['NAME']}?host={quote(found['HOST'], safe='')}"
    return f"postgresql://{user}{found['HOST']}{port}/{found['NAME']}"


class Worker:
    """One worker process that sends one delivery; ``kill`` ends it as the kernel would, whatever it is doing."""

    def __init__(self, delivery: Delivery, var_dir: Path, *arguments: str, **environment: str) -> None:
        outside = {k: v for k, v in os.environ.items() if not k.startswith("KFM_")}
        own = {"KFM_VAR_DIR": str(var_dir), "DATABASE_URL": database_url(), "REDIS_URL": "", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.webhooks.worker", str(delivery.pk), *arguments],
            cwd=django_settings.BASE_DIR,
            env={**outside, **own},
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def taken_up_again(delivery: Delivery) -> Delivery:
    """What another worker finds, and makes of it a minute later."""
    row = Delivery.objects.get(pk=delivery.pk)
    assert (row.state, row.attempts, row.sent_at) == ("owed", 1, None)
    assert not deliveries.deliver(row.pk, row.next_at - timedelta(seconds=1))
    assert deliveries.deliver(row.pk, row.next_at)
    return Delivery.objects.get(pk=delivery.pk)


def test_a_worker_killed_between_sending_and_recording_sends_the_same_webhook_again(
    authority, var_dir, tmp_path, posts_to
):
    delivery = deliveries.owe_test(endpoint=hook(), at=timezone.now())
    workers: list[Worker] = []

    def die(_handler: Any) -> None:
        workers[0].kill()

    with receiver(authority, die, lambda handler: handler.answer(200)) as ops:
        workers.append(Worker(delivery, var_dir, str(ops.server.port), str(ca_file(authority, tmp_path))))
        assert workers[0].process.wait(60) == -9
        posts_to(ops)
        row = taken_up_again(delivery)
    assert (row.state, row.attempts) == ("sent", 2)
    (one, two) = ops.messages
    assert one[0] == two[0]
    assert one[1]["webhook-id"] == two[1]["webhook-id"] == delivery.message_id


def test_a_worker_killed_between_sending_and_recording_sends_the_same_mail_again(var_dir, mails_to):
    workers: list[Worker] = []

    def die() -> bytes:
        if workers[0].process.poll() is None:
            workers[0].kill()
        return b"250 taken"

    with mail_server(END=[die]) as server:
        mails_to(server.port)
        delivery = owed_mail()
        own = {"KFM_EMAIL_HOST": "127.0.0.1", "KFM_EMAIL_PORT": str(server.port), "KFM_EMAIL_TLS": "0"}
        own["KFM_PUBLIC_URL"] = django_settings.KFM_PUBLIC_URL
        workers.append(Worker(delivery, var_dir, **own))
        assert workers[0].process.wait(60) == -9
        row = taken_up_again(delivery)
    assert (row.state, row.attempts) == ("sent", 2)
    one, two = server.messages
    assert one["Message-ID"] == two["Message-ID"]


def test_of_many_workers_at_once_one_sends_the_webhook(authority, posts_to):
    at = timezone.now()
    delivery = deliveries.owe_test(endpoint=hook(), at=at)
    with receiver(authority) as ops:
        posts_to(ops)
        answers = together([lambda: deliveries.deliver(delivery.pk, at)] * 4)
    assert sorted(answers, key=str) == [False, False, False, True]
    assert len(ops.messages) == 1
    assert Delivery.objects.get().state == "sent"


def test_of_many_workers_at_once_one_sends_the_mail(mails_to):
    with mail_server() as server:
        mails_to(server.port)
        delivery = owed_mail()
        answers = together([lambda: deliveries.deliver(delivery.pk, delivery.next_at)] * 4)
    assert sorted(answers, key=str) == [False, False, False, True]
    assert len(server.messages) == 1


def test_two_workers_share_what_is_owed_and_each_message_arrives_once(authority, posts_to):
    at, endpoint = timezone.now(), hook()
    for case in range(6):
        deliveries.owe_webhooks(kind="case.overdue", case=case, path="/", key=f"k{case}", at=at)
    assert endpoint.deliveries.count() == 6

    def sweep() -> int:
        return sum(deliveries.deliver(pk, at) for pk in deliveries.owed(at))

    with receiver(authority) as ops:
        posts_to(ops)
        answers = together([sweep, sweep])
    assert sum(answers) == 6
    assert len({headers["webhook-id"] for _, headers in ops.messages}) == len(ops.messages) == 6
