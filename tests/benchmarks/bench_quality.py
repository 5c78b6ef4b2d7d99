"""One million rows of CSV points, ten checks: ours, plain pandas and pandera; seconds, CPU seconds and peak memory.

Run: ``python -m tests.benchmarks.bench_quality [ROWS]``. Each way is a process of its own, from the CSV on disk to ten
verdicts; the interpreter's start and imports are included for all alike. The ways take turns, three rounds, and the
best of each counts. Ours comes as the preflight (CSV to verdicts, what ``manage.py preflight`` calls), as the ingest
(normalize, then check), and in parts: the checks on the normalized GeoParquet, and the same with the report's
distributions. Synthetic data. Prints, asserts nothing but that all ways give the same verdicts, and that the preflight
read the CSV where it lies.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = ("hail", "wind", "tornado", "flood")
BOX = (-102.05, 36.99, -94.60, 40.00)
ROUNDS = 3
#: The kinds of check a spec may name, in the order of the issue, without those that need another version.
CHECKS: list[dict[str, Any]] = [
    {"name": "required_fields_present", "threshold": 1.0, "fields": ["event_id", "kind"]},
    {"name": "field_type", "threshold": 1.0, "field": "begin", "type": "date"},
    {"name": "allowed_values", "threshold": 1.0, "field": "kind", "values": list(KINDS)},
    {"name": "unique", "threshold": 1.0, "fields": ["event_id"]},
    {"name": "duplicate_rate", "threshold": 0.0},
    {"name": "geometry_valid", "threshold": 1.0},
    {"name": "within_extent", "threshold": 0.999, "bbox": list(BOX)},
    {"name": "null_rate", "threshold": 0.05, "field": "magnitude"},
    {"name": "value_range", "threshold": 0.99, "field": "magnitude", "min": 0, "max": 10},
    {"name": "date_order", "threshold": 1.0, "start": "begin", "end": "end"},
]
SPEC = {
    "normalization": {
        "canonical_fields": {
            **{name: f"upstream.{name}" for name in ("event_id", "fips", "kind", "magnitude", "begin", "end")},
            "geometry": "derived.from_latlon(lat,lon)",
        }
    },
    "validation": {"checks": CHECKS},
}


def write_csv(path: Path, rows: int, *, seed: int = 7) -> None:
    """Points in and near Kansas; some magnitudes missing, some points and kinds wrong."""
    source = random.Random(seed)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("event_id,fips,kind,magnitude,begin,end,lat,lon\n")
        for row in range(rows):
            lon, lat = source.uniform(-102, -94.7), source.uniform(37, 39.9)
            lon = lon if row % 5_000 else 10.0
            size = "" if row % 40 == 0 else f"{source.uniform(0, 9):.2f}"
            day = 1 + row % 27
            kind = KINDS[row % 4] if row % 100_000 != 7 else "snow"
            ends = day + 1 if row % 50_000 != 3 else day - 1
            stream.write(
                f"{row},20{row % 999:03d},{kind},{size},2024-05-{day:02d},2024-05-{ends:02d},{lat:.5f},{lon:.5f}\n"
            )


def verdicts_of(results: Any) -> list[str]:
    return [f"{check.name} {check.verdict}" for check in results]


def checks_only(_csv: Path, parquet: Path) -> list[str]:
    """The declared checks on the normalized file, with every failing row known."""
    from datasets.quality.checks import measure_checks

    return verdicts_of(measure_checks(parquet, spec=SPEC, rows_rejected=0, previous_rows=0).results)


def whole_report(_csv: Path, parquet: Path) -> list[str]:
    """The same, and the report's distributions."""
    from datasets.quality.checks import run_checks

    digest = "sha256:" + "0" * 64
    return verdicts_of(run_checks(parquet, spec=SPEC, rows_rejected=0, previous_rows=0, artifact_digest=digest).checks)


def normalize_and_check(csv: Path, parquet: Path) -> list[str]:
    """What an ingest does: the CSV to GeoParquet, then the checks."""
    from datasets.formats.normalize import normalize

    target = parquet.with_suffix(".again")
    rejects = parquet.with_suffix(".rejects")
    normalize(csv, spec=SPEC, target=target, rejects=rejects, progress=lambda _done, _total: None)
    return checks_only(csv, target)


def preflight_only(csv: Path, _parquet: Path) -> list[str]:
    """What a contributor asks before sending: the CSV itself, judged where it lies."""
    from datasets.quality.preflight import preflight

    found = preflight(csv, spec=SPEC, as_of=dt.date(2026, 1, 1))
    assert found.way == "direct", found.why
    return verdicts_of(found.checks)


def plain_pandas(csv: Path, _parquet: Path) -> list[str]:
    """The same ten checks by hand."""
    import pandas as pd

    data = pd.read_csv(csv, dtype={"fips": "str"})
    total = len(data)
    place = data["lon"].between(BOX[0], BOX[2]) & data["lat"].between(BOX[1], BOX[3])
    finite = data["lon"].between(-180, 180) & data["lat"].between(-90, 90)
    size = data["magnitude"].dropna()
    begin, end = pd.to_datetime(data["begin"], errors="coerce"), pd.to_datetime(data["end"], errors="coerce")
    wanted = data[["event_id", "kind"]]
    present = wanted["event_id"].notna() & wanted["kind"].notna() & (wanted["kind"].str.strip() != "")
    holds = [
        present.mean() >= 1.0,
        begin[data["begin"].notna()].notna().mean() >= 1.0,
        data["kind"].dropna().isin(KINDS).mean() >= 1.0,
        1 - data.duplicated(["event_id"]).sum() / total >= 1.0,
        data.duplicated().sum() / total <= 0.0,
        finite.mean() >= 1.0,
        place.mean() >= 0.999,
        data["magnitude"].isna().mean() <= 0.05,
        size.between(0, 10).mean() >= 0.99,
        (begin <= end).mean() >= 1.0,
    ]
    return [f"{c['name']} {'pass' if h else 'fail'}" for c, h in zip(CHECKS, holds, strict=True)]


def with_pandera(csv: Path, _parquet: Path) -> list[str]:
    """The same ten checks as a lazy pandera schema over the pandas frame."""
    import pandas as pd
    import pandera.pandas as pa

    data = pd.read_csv(csv, dtype={"fips": "str"}, parse_dates=["begin", "end"])
    column, check = pa.Column, pa.Check

    def at_least(share: float, test: Any) -> Any:
        return check(lambda series: bool(test(series).mean() >= share), name=str(share))

    schema = pa.DataFrameSchema(
        {
            "event_id": column(int, unique=True, nullable=False),
            "kind": column(str, [check.isin(KINDS), check(lambda s: s.str.strip() != "")], nullable=False),
            "magnitude": column(
                float,
                [at_least(0.99, lambda s: s.between(0, 10)), check(lambda s: s.isna().mean() <= 0.05, ignore_na=False)],
                nullable=True,
            ),
            "fips": column(str),
            "begin": column("datetime64[ns]", coerce=True),
            "lat": column(float, check.in_range(-90, 90)),
            "lon": column(float, check.in_range(-180, 180)),
        },
        checks=[
            check(
                lambda d: bool((d["lon"].between(BOX[0], BOX[2]) & d["lat"].between(BOX[1], BOX[3])).mean() >= 0.999),
                name="extent",
            ),
            check(lambda d: d["begin"] <= d["end"], name="order"),
            check(lambda d: not d.duplicated().any(), name="whole rows"),
        ],
    )
    missed: set[str] = set()
    try:
        schema.validate(data, lazy=True)
    except pa.errors.SchemaErrors as errors:
        for error in errors.schema_errors:
            missed.add(f"{getattr(error.schema, 'name', None)}/{getattr(error.check, 'name', error.check)}")
    names = {"allowed_values": "kind/isin", "date_order": "order", "within_extent": "extent"}
    return [
        f"{c['name']} {'fail' if any(names.get(c['name'], chr(0)) in m for m in missed) else 'pass'}" for c in CHECKS
    ]


WAYS = {
    "plain pandas": plain_pandas,
    "pandera": with_pandera,
    "preflight": preflight_only,
    "normalize + checks": normalize_and_check,
    "checks on the normalized file": checks_only,
    "checks and distributions": whole_report,
}


def prepare(csv: Path, parquet: Path) -> list[str]:
    """The normalized file that the checks alone are measured on."""
    from datasets.formats.normalize import normalize

    rejects = parquet.with_suffix(".rejects")
    normalize(csv, spec=SPEC, target=parquet, rejects=rejects, progress=lambda _done, _total: None)
    return []


def peak_mib() -> float:
    """The most memory this process had at once (``ru_maxrss`` would count the parent's before exec)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def child(way: str, csv: str, parquet: str) -> None:
    verdicts = {**WAYS, "prepare": prepare}[way](Path(csv), Path(parquet))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"verdicts": verdicts, "peak": peak_mib(), "cpu": used.ru_utime + used.ru_stime}))


@dataclass(frozen=True, order=True)
class Run:
    """Seconds from the process's start to its end, CPU seconds, peak MiB and verdicts."""

    seconds: float
    cpu: float
    peak: float
    verdicts: tuple[str, ...]


def one_run(way: str, csv: Path, parquet: Path) -> Run:
    began = time.perf_counter()
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.bench_quality", "--way", way, csv, parquet]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    said = json.loads(done.stdout.splitlines()[-1])
    return Run(seconds, said["cpu"], said["peak"], tuple(said["verdicts"]))


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "points.csv"), Path(folder, "points.parquet")
        write_csv(csv, rows)
        one_run("prepare", csv, parquet)
        print(f"{rows:,} rows, CSV {csv.stat().st_size / 1e6:.0f} MB, GeoParquet {parquet.stat().st_size / 1e6:.0f} MB")
        found: dict[str, list[Run]] = {way: [] for way in WAYS}
        for _round in range(ROUNDS):
            for way, runs in found.items():
                runs.append(one_run(way, csv, parquet))
        for way, runs in found.items():
            times = ", ".join(f"{run.seconds:.2f}" for run in runs)
            cpu, peak = min(run.cpu for run in runs), max(run.peak for run in runs)
            print(f"{way:<30} best {min(runs).seconds:6.2f} s ({times}), CPU {cpu:6.2f} s, peak {peak:4.0f} MiB")
        rival = min(min(found[way]).seconds for way in ("plain pandas", "pandera"))
        cpu_rival = min(run.cpu for way in ("plain pandas", "pandera") for run in found[way])
        ours = found["preflight"]
        print(
            f"The better of pandas and pandera takes {rival / min(ours).seconds:.2f} times the preflight's time, "
            f"{cpu_rival / min(run.cpu for run in ours):.2f} times its CPU seconds."
        )
        answers = {run.verdicts for runs in found.values() for run in runs}
        assert len(answers) == 1, answers
        print("All ways agree:", ", ".join(answers.pop()))


if __name__ == "__main__":
    if "--way" in sys.argv:
        child(*sys.argv[2:5])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
