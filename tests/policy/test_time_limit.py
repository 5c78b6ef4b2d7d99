"""C1: an engine that hangs, crashes or can't be compiled is a denial with its own code, and is never asked again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from datasets.policy import bundle, time_limit
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.time_limit import MOST_STUCK, PolicyTimeout, TimeLimited

ALLOW = {"decision": "allow", "reason_codes": ["label_open_to_role"], "rule_id": "kfm.policy.read"}
#: Two hundred and fifty thousand pairs: about a second of the engine's time.
SLOW_REGO = """package kfm.policy
import rego.v1
xs := numbers.range(1, 500)
decision := {"n": count({[a, b] | some a in xs; some b in xs; a * b == input.k})}
"""


def ask(evaluator, who="p"):
    request = PolicyRequest(
        who, frozenset({"public"}), "public", "read", ResourceFacts("ks", "v", "public", "PUBLISHED")
    )
    return decide(
        request, labels=BUILT_IN_LABELS, decision_id="1", evaluated_at="2026-01-01T00:00:00Z", evaluator=evaluator
    )


class Engine:
    """An evaluator whose every question waits for ``let_go``, but the first that is not told to ``hang``."""

    sources = bundle.policy_sources()

    def __init__(self, *, hangs, seconds=0.05):
        self.let_go, self.hangs, self.compiled = threading.Event(), hangs, []
        self.limited = TimeLimited(self.compile, seconds=seconds, compile_seconds=20)

    def compile(self):
        self.compiled.append(threading.get_ident())
        return self.answer

    def answer(self, document):
        if self.hangs:
            self.let_go.wait(20)
        return ALLOW

    def __call__(self, document):
        return self.limited(document)


@pytest.fixture
def hanging():
    engine = Engine(hangs=True)
    yield engine
    engine.let_go.set()


def test_c1_an_engine_that_hangs_is_a_denial_and_its_evaluator_is_thrown_away(hanging, caplog):
    answer = ask(hanging)
    assert (answer.decision, answer.reason_codes, answer.rule_id) == ("deny", ("engine_timeout",), "kfm.engine")
    assert "too slow" in caplog.text
    assert len(hanging.compiled) == 1
    hanging.hangs = False
    assert ask(hanging).allowed
    assert ask(hanging).allowed
    assert len(hanging.compiled) == 2, "the late one is not asked again, the new one is"
    assert len(set(hanging.compiled)) == 2


def test_c1_a_late_answer_is_nobodys(hanging):
    """The answer to the first question must not be taken for the answer to the second."""
    assert ask(hanging).reason_codes == ("engine_timeout",)
    hanging.let_go.set()
    hanging.hangs = False
    assert [ask(hanging).reason_codes for _ in range(3)] == [("label_open_to_role",)] * 3
    assert all(worker.answers.empty() for worker in hanging.limited._idle)


def test_c1_policies_that_take_too_long_are_a_denial():
    slow = bundle.evaluator_of({"slow.rego": SLOW_REGO}, seconds=0.05)
    assert ask(slow).reason_codes == ("engine_timeout",)


def test_c1_when_too_many_are_stuck_no_more_are_asked(hanging):
    for _ in range(MOST_STUCK):
        assert ask(hanging).reason_codes == ("engine_timeout",)
    started = len(hanging.compiled)
    with pytest.raises(PolicyTimeout, match="stuck"):
        hanging.limited({})
    assert len(hanging.compiled) == started
    stuck = list(hanging.limited._stuck)
    hanging.let_go.set()
    for worker in stuck:
        worker.thread.join(20)
    hanging.hangs = False
    assert ask(hanging).allowed, "once they are free, questions are asked again"


def test_c1_a_compile_that_hangs_is_a_denial():
    let_go = threading.Event()
    limited = TimeLimited(lambda: let_go.wait(20), seconds=1, compile_seconds=0.05)
    limited.sources = {"x.rego": ""}
    assert ask(limited).reason_codes == ("engine_timeout",)
    let_go.set()


@pytest.mark.parametrize("failure", [RuntimeError("x"), MemoryError(), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_c1_a_crash_of_the_engine_is_a_denial_whatever_it_raises(failure):
    def crash(document):
        raise failure

    limited = TimeLimited(lambda: crash, seconds=20, compile_seconds=20)
    limited.sources = {"x.rego": ""}
    assert ask(limited).reason_codes == ("engine_error",)
    assert not limited._idle, "a crashed evaluator is not asked again"


@pytest.mark.parametrize("answer", [None, [], "allow", 1, True])
def test_c1_an_answer_that_is_no_document_is_a_denial(answer):
    limited = TimeLimited(lambda: lambda _: answer, seconds=20, compile_seconds=20)
    limited.sources = {"x.rego": ""}
    assert ask(limited).reason_codes == ("engine_error",)


def test_c1_a_bare_evaluator_that_exits_is_a_denial():
    class Exits:
        sources = bundle.policy_sources()

        def __call__(self, document):
            raise SystemExit(0)

    assert ask(Exits()).reason_codes == ("engine_error",)


@pytest.mark.parametrize("text", ["package kfm.policy\nallow {{{", "no rego at all", ""])
def test_c1_policies_that_do_not_compile_are_a_denial(text):
    assert ask(bundle.evaluator_of({"broken.rego": text})).reason_codes in {("engine_error",), ("engine_undefined",)}


def test_an_interrupt_of_the_asking_thread_passes_and_ends_the_worker():
    engine = Engine(hangs=False, seconds=20)
    assert ask(engine).allowed
    worker = engine.limited._idle[0]

    class Interrupted:
        def get(self, timeout):
            raise KeyboardInterrupt

    worker.answers = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        ask(engine)
    assert not engine.limited._idle


def test_many_threads_at_once_each_get_their_own_answer():
    echo = TimeLimited(lambda: lambda document: {"echo": document["n"]}, seconds=20, compile_seconds=20)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(range(400))
        assert [found["echo"] for found in pool.map(lambda n: echo({"n": n}), numbers)] == numbers
    assert len(echo._idle) <= 8


def test_threads_end_with_their_evaluator():
    limited = TimeLimited(lambda: lambda _: ALLOW, seconds=20, compile_seconds=20)
    limited({})
    thread = limited._idle[0].thread
    del limited
    thread.join(20)
    assert not thread.is_alive()


def test_threads_that_asked_do_not_keep_engines_alive_after_them():
    """A server that answers each request in a new thread compiles once, not once a request."""
    engine = Engine(hangs=False, seconds=20)
    for _ in range(5):
        thread = threading.Thread(target=ask, args=(engine,))
        thread.start()
        thread.join(20)
    assert len(engine.compiled) == 1


FORKED = """
import os, sys
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS
resource = ResourceFacts("ks", "v", "public", "PUBLISHED")
request = PolicyRequest("p", frozenset({"public"}), "public", "read", resource)
def allowed():
    return decide(request, labels=BUILT_IN_LABELS, decision_id="1", evaluated_at="2026-01-01T00:00:00Z").allowed
assert allowed()
child = os.fork()
if child == 0:
    os._exit(0 if allowed() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or (0 if allowed() else 2))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_worker_makes_its_own_engine():
    """Celery and some servers fork after the first decision: the threads stay behind in the parent."""
    ended = subprocess.run([sys.executable, "-c", FORKED], timeout=60, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_the_limits_are_what_the_docs_say():
    assert (bundle.ENGINE_SECONDS, bundle.COMPILE_SECONDS, time_limit.MOST_STUCK) == (2.0, 20.0, 8)
