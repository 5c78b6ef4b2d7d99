"""A worker in a process of its own, to be killed: ``python -m tests.webhooks.worker PK [PORT CA]`` sends one delivery.

Its settings come from the environment, as in production; PORT and CA are the test's receiver behind the guard's wire.
"""

from __future__ import annotations

import functools
import os
import ssl
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
    django.setup()
    from django.utils import timezone

    from datasets.upstream.post import post
    from promotions import deliveries
    from tests.upstream.world import wire_to

    if len(sys.argv) > 2:
        wire = wire_to(int(sys.argv[2]), tls=ssl.create_default_context(cafile=sys.argv[3]))
        deliveries.post = functools.partial(post, wire=wire)  # type: ignore[assignment]
    sys.exit(0 if deliveries.deliver(int(sys.argv[1]), timezone.now()) else 3)


if __name__ == "__main__":
    main()
