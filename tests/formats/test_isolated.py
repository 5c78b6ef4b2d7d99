"""The reader in its own process: the same result, and whatever ends it is a refusal in words (clauses A1, E2)."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from datasets.formats import isolated
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.isolated import MIB, Bounds, normalize_isolated
from datasets.formats.normalize import normalize

WELLS = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"n": n, "name": "Ω"},
                "geometry": {"type": "Point", "coordinates": [-98 - n / 7, 38.5]},
            }
            for n in range(50)
        ]
        + [{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [200, 1]}}],
    }
).encode()


def paths(folder: Path, raw: bytes = WELLS):
    folder.mkdir(exist_ok=True)
    (folder / "in").write_bytes(raw)
    return {
        "source": folder / "in",
        "target": folder / "out.parquet",
        "rejects": folder / "rejects.jsonl",
        "preview": folder / "preview",
    }


def read(folder: Path, raw: bytes = WELLS, **options):
    given = paths(folder, raw)
    return normalize_isolated(given.pop("source"), **{"spec": {}, "progress": lambda *_: None, **given, **options})


def in_process(folder: Path, raw: bytes = WELLS, **options):
    given = paths(folder, raw)
    return normalize(given.pop("source"), **{"spec": {}, "progress": lambda *_: None, **given, **options})


SPOILED = """\
import ctypes, json, os, resource, signal, subprocess, sys, time

for name in [name for name in sys.modules if name.split(".")[0] == "datasets"]:
    del sys.modules[name]  # this file's own, empty, packages
sys.path.insert(0, {root!r})
from datasets.formats import isolated_child


def normalize(source, *, target, progress, **_):
{body}


isolated_child.normalize = normalize
isolated_child.main()
"""


@pytest.fixture
def reader(monkeypatch, tmp_path):
    """Spoils the child: its ``normalize`` runs *body* instead; all else is the real thing."""

    def spoil(body: str) -> None:
        folder = tmp_path / "spoiled" / "datasets" / "formats"
        folder.mkdir(parents=True)
        text = SPOILED.format(root=str(isolated.ROOT), body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
        (folder / "isolated.py").write_text(text)
        monkeypatch.setattr(isolated, "ROOT", tmp_path / "spoiled")

    return spoil


def stopped(folder: Path, **options) -> UnreadableSource:
    with pytest.raises(UnreadableSource) as caught:
        read(folder, **options)
    assert not (folder / "out.parquet").exists()
    assert not (folder / "preview").exists()
    assert caught.value.message.endswith(".")
    assert caught.value.fix
    return caught.value


def test_a1_the_result_and_the_bytes_are_those_of_normalize(tmp_path):
    apart, here = read(tmp_path / "a"), in_process(tmp_path / "b")
    assert apart == here
    for name in ("out.parquet", "rejects.jsonl", "preview"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04abc", WELLS[:-30], WELLS.replace(b"-98", b"NaN", 1), b"\x00\x01"])
def test_a_refusal_of_the_file_passes_through_as_it_is(tmp_path, raw):
    with pytest.raises(UnreadableSource) as here:
        in_process(tmp_path / "b", raw)
    apart = stopped(tmp_path / "a", raw=raw)
    names = ("code", "where", "message", "fix")
    assert [getattr(apart, name) for name in names] == [getattr(here.value, name) for name in names]


def test_limits_and_spec_reach_the_reader(tmp_path):
    assert stopped(tmp_path, limits=Limits(columns=1), raw=b"a,b\n1,2\n").code == "too_many_columns"
    assert stopped(tmp_path, spec={"normalization": {"crs": "EPSG:nonsense"}}).code == "unknown_crs"


def test_progress_is_relayed_to_its_end(tmp_path):
    heard = []
    read(tmp_path, progress=lambda *units: heard.append(units))
    assert heard[-1] == (2 * len(WELLS), 2 * len(WELLS))


def test_what_the_listener_raises_ends_the_reader(tmp_path, reader):
    reader("""
        (target.parent / "pid").write_text(str(os.getpid()))
        target.write_bytes(b"half")
        progress(1, 2)
        time.sleep(600)
    """)

    def lost(done, total):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read(tmp_path, progress=lost)
    assert not (tmp_path / "out.parquet").exists()
    assert_gone(int((tmp_path / "pid").read_text()))


def assert_gone(pid: int) -> None:
    """No such process, or one that is dead and only waits to be reaped by whoever adopted it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return
    assert state in "ZX"


def test_a_silent_reader_still_lets_the_listener_stop_it(tmp_path, reader, monkeypatch):
    """A claim lost while native code works in silence is noticed at the next beat."""
    monkeypatch.setattr(isolated, "_BEAT_SECONDS", 0.01)
    reader("time.sleep(600)")

    def lost(done, total):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read(tmp_path, progress=lost)


def test_too_slow_is_ended_with_all_that_it_started(tmp_path, reader):
    reader("""
        child = subprocess.Popen(["sleep", "600"])
        (target.parent / "pid").write_text(str(child.pid))
        time.sleep(600)
    """)
    error = stopped(tmp_path, bounds=Bounds(seconds=2.0))
    assert error.code == "too_slow"
    assert "2 seconds" in error.message
    assert_gone(int((tmp_path / "pid").read_text()))


def test_a_reader_that_eats_memory_is_refused_in_words(tmp_path, reader):
    reader("""
        kept = []
        while True:
            kept.append(bytearray(1 << 20))
    """)
    seen = []
    error = stopped(tmp_path, bounds=Bounds(memory_bytes=64 * MIB), observe=seen.append)
    assert error.code == "too_much_memory"
    assert "64 MiB" in error.message
    assert seen[0].peak_bytes < 256 * MIB


CRASHES = {
    "segmentation fault": ("os.kill(os.getpid(), signal.SIGSEGV)", "reader_stopped", "SIGSEGV"),
    "abort": ("os.abort()", "reader_stopped", "SIGABRT"),
    "exit": ("os._exit(7)", "reader_stopped", "exit 7"),
    "killed by the kernel": ("os.kill(os.getpid(), signal.SIGKILL)", "too_much_memory", ""),
    "out of processor time": ("os.kill(os.getpid(), signal.SIGXCPU)", "too_slow", ""),
    "an exception": ("raise ValueError('38.12345 secret')", "reader_stopped", "ValueError at isolated.py line"),
    "native memory": ("raise RuntimeError('std::bad_alloc')", "too_much_memory", ""),
    "disk full": ("raise OSError(28, 'full')", "no_space", "disk is full"),
    "file too large": ("(target.parent / 'big').write_bytes(b'x' * 20_000_000)", "output_too_large", "10 MiB"),
    "an endless answer": ("progress._tell({'x': 'y' * (17 << 20)})", "reader_stopped", "too long"),
}


@pytest.mark.parametrize("case", CRASHES)
def test_every_other_end_is_a_refusal(tmp_path, reader, case):
    body, code, words = CRASHES[case]
    reader(body)
    error = stopped(tmp_path, bounds=Bounds(output_bytes=10 * MIB))
    assert error.code == code
    assert words in error.message
    assert "secret" not in str(error)


def test_what_a_library_prints_is_no_answer(tmp_path, reader):
    reader("""
        os.write(1, b'{"result": {}}\\n')
        print('{"result": {}}', flush=True)
        raise ZeroDivisionError
    """)
    assert "ZeroDivisionError" in stopped(tmp_path).message


def test_the_reader_knows_no_secret_of_ours(tmp_path, reader, monkeypatch):
    for name in ("DATABASE_URL", "KFM_LEDGER_KEY", "KFM_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    reader("""
        (target.parent / "env").write_text(json.dumps(dict(os.environ)))
        limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIM")
                  and name != "RLIM_INFINITY"}
        (target.parent / "limits").write_text(json.dumps(limits))
        (target.parent / "modules").write_text(json.dumps(sorted(sys.modules)))
        (target.parent / "fds").write_text(json.dumps(sorted(os.listdir("/proc/self/fd"))))
        raise ZeroDivisionError
    """)
    stopped(tmp_path)
    environment = json.loads((tmp_path / "env").read_text())
    assert "secret" not in environment.values()
    assert not {name for name in environment if name.startswith(("KFM_", "DJANGO", "AWS", "PYTHON"))}
    limits = json.loads((tmp_path / "limits").read_text())
    assert limits["RLIMIT_CORE"] == [0, 0]
    assert limits["RLIMIT_NOFILE"][0] == Bounds().open_files
    assert -1 not in (limits["RLIMIT_DATA"][0], limits["RLIMIT_CPU"][0], limits["RLIMIT_FSIZE"][0])
    assert not {"django", "celery"} & set(json.loads((tmp_path / "modules").read_text()))
    assert len(json.loads((tmp_path / "fds").read_text())) < 8


ORPHAN = """
    import sys
    from pathlib import Path
    from datasets.formats import isolated
    isolated.ROOT = Path(sys.argv[1])
    folder = Path(sys.argv[2])
    isolated.normalize_isolated(folder / "in", spec={}, target=folder / "t", rejects=folder / "r",
                                progress=lambda done, total: print(done, flush=True))
"""


def test_a_reader_does_not_outlive_a_killed_worker(tmp_path, reader):
    """The worker is killed by SIGKILL: nobody is left to end the reader but itself."""
    reader("""
        progress(os.getpid(), None)
        time.sleep(600)
    """)
    paths(tmp_path)
    real = Path(__file__).resolve().parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ORPHAN), str(isolated.ROOT), str(tmp_path)],
        cwd=real,
        stdout=subprocess.PIPE,
    )
    with worker:
        reader_pid = next(int(line) for line in worker.stdout if int(line))
        watched = os.pidfd_open(reader_pid)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert select.select([watched], [], [], 30)[0], "the reader still runs"
        os.close(watched)


def test_deadlines_grow_with_the_file():
    bounds = Bounds()
    assert bounds.deadline(0) <= 10
    assert bounds.deadline(2 * 1024**3) > 3_000


def test_what_isolation_costs_is_measured(tmp_path, capsys):
    read(tmp_path / "warm")
    started = time.perf_counter()
    seen = []
    read(tmp_path / "a", observe=seen.append)
    apart = time.perf_counter() - started
    started = time.perf_counter()
    in_process(tmp_path / "b")
    here = time.perf_counter() - started
    line = f"isolation: {(apart - here) * 1000:.0f} ms more ({here * 1000:.0f} ms in process), "
    with capsys.disabled():
        sys.stdout.write(f"\n{line}reader's peak {seen[0].peak_bytes // MIB} MiB\n")
    assert seen[0].peak_bytes < 256 * MIB
