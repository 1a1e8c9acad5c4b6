from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.quality import Scan, ScannedFile, ScanStatus, Sighting, Surroundings
from argos.store import administration, executions, quality
from argos.store.database import Database, open_database
from builders import NOON, an_execution


def a_sighting(path: str = "a.py", code: str = "F401", line: int | None = 1, **fields: object) -> Sighting:
    usual = {"tool": "flake8", "message": f"{code} here", "severity": "WARNING", "column": 1}
    return Sighting(path=path, code=code, line=line, **{**usual, **fields})  # type: ignore[arg-type]


def a_scan(*sightings: Sighting, files: tuple[str, ...] = ("a.py", "b.py"), **fields: object) -> Scan:
    scanned = tuple(ScannedFile(path, 100) for path in files)
    return Scan("flake8", scanned, sightings, **fields)  # type: ignore[arg-type]


def record(database: Database, name: str, scan: Scan, *, at: int = 0, space: str = "local", **more: object):
    execution = an_execution(
        name, entity_type="file", space=space, started_at=NOON + timedelta(minutes=at), rule="lint"
    )
    with database.write() as connection:
        executions.start(connection, execution)
        return quality.record(connection, name, scan, **more)  # type: ignore[arg-type]


def codes(database: Database, name: str) -> list[str]:
    with database.read() as connection:
        return [each.sighting.code for each in quality.found_in(connection, name)]


def rows(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


def test_a_first_scan_finds_everything_new_and_reads_back_as_it_was(database):
    found = (a_sighting(), a_sighting("b.py", "E501", 7, around=Surroundings("f.g", 1, 2, 3, 2**32 - 1)))
    comparison = record(database, "one", a_scan(*found))
    assert comparison.new == found
    with database.read() as connection:
        assert [each.sighting for each in quality.found_in(connection, "one")] == list(found)
        assert quality.files_of(connection, "one") == {"a.py", "b.py"}


def test_an_equal_scan_adds_one_row_and_finds_nothing_new(database):
    scan = a_scan(a_sighting(), a_sighting("b.py", "E501", 7))
    record(database, "one", scan)
    before = {table: rows(database, table) for table in ("lint_findings", "lint_sets", "lint_tallies")}
    comparison = record(database, "two", scan)
    assert (comparison.new, comparison.fixed, rows(database, "lint_scans")) == ((), (), 2)
    assert {table: rows(database, table) for table in before} == before
    assert codes(database, "one") == codes(database, "two") == ["F401", "E501"]


def test_a_shifted_line_keeps_its_identity(database):
    around = Surroundings("f", 11, 12, 13, 14)
    record(database, "one", a_scan(a_sighting(line=3, around=around)))
    comparison = record(database, "two", a_scan(a_sighting(line=9, around=around)))
    assert (comparison.new, comparison.fixed, len(comparison.kept)) == ((), (), 1)
    with database.read() as connection:
        (then,) = quality.found_in(connection, "one")
        (now,) = quality.found_in(connection, "two")
    assert (then.sighting.line, now.sighting.line) == (3, 9)
    assert then.identity == now.identity


def test_a_file_that_was_not_scanned_keeps_its_findings(database):
    record(database, "all", a_scan(a_sighting("a.py"), a_sighting("b.py")))
    comparison = record(database, "some", a_scan(files=("a.py",)))
    assert [each.path for each in comparison.fixed] == ["a.py"]
    with database.read() as connection:
        assert [each.sighting.path for each in quality.standing(connection, "local")] == ["b.py"]
        assert quality.found_in(connection, "some") == []
        assert [each.sighting.path for each in quality.standing_at(connection, "some")] == ["b.py"]
    assert codes(database, "all") == ["F401", "F401"]


def test_the_findings_of_a_deleted_file_are_fixed(database):
    record(database, "one", a_scan(a_sighting("b.py")))
    comparison = record(database, "two", a_scan(files=("a.py",)), gone=["b.py", "never.py"])
    assert [each.path for each in comparison.fixed] == ["b.py"]


def test_a_renamed_file_takes_its_findings_along(database):
    around = Surroundings("f", 11, 12, 13, 14)
    record(database, "one", a_scan(a_sighting("b.py", around=around)))
    scan = a_scan(a_sighting("c.py", around=around), files=("a.py", "c.py"), renames={"b.py": "c.py"})
    comparison = record(database, "two", scan)
    assert (comparison.new, comparison.fixed) == ((), ())
    with database.read() as connection:
        assert [each.sighting.path for each in quality.standing(connection, "local")] == ["c.py"]


def test_a_crashed_scan_is_never_clean(database):
    record(database, "one", a_scan(a_sighting()))
    record(database, "two", a_scan(), status=ScanStatus.CRASHED)
    with database.read() as connection:
        assert [s.status for s in quality.summaries(connection)] == [ScanStatus.CRASHED, ScanStatus.COMPLETE]
        assert len(quality.standing(connection, "local")) == 1
        assert quality.found_in(connection, "two") == []
        assert len(quality.file_scans(connection, space="local", window=9)["a.py"]) == 1


def test_spaces_and_tools_do_not_mix(database):
    record(database, "one", a_scan(a_sighting()))
    record(database, "two", a_scan(), space="ci")
    record(database, "three", replace(a_scan(), tool="ruff"))
    with database.read() as connection:
        assert len(quality.standing(connection, "local")) == 1
        assert quality.standing(connection, "ci") == []


def test_the_views_read_in_flat_columns(database):
    record(database, "one", a_scan(a_sighting(), a_sighting("b.py", "E999", 7, severity="ERROR")))
    record(database, "two", a_scan(a_sighting(line=2)), at=5)
    with database.read() as connection:
        violations = connection.execute(
            sa.text("SELECT * FROM lint_violations ORDER BY execution_id, file_path")
        ).all()
        summary = connection.execute(sa.text("SELECT * FROM lint_summary ORDER BY id")).all()
        metrics = connection.execute(sa.text("SELECT * FROM code_quality_metrics ORDER BY file_path")).all()
    wanted = "id execution_id file_path line_number column_number severity code message validator timestamp"
    assert set(wanted.split()) <= set(violations[0]._fields)
    assert [
        (v.execution_id, v.file_path, v.line_number, v.code, v.severity, v.validator) for v in violations
    ] == [
        ("one", "a.py", 1, "F401", "WARNING", "flake8"),
        ("one", "b.py", 7, "E999", "ERROR", "flake8"),
        ("two", "a.py", 2, "F401", "WARNING", "flake8"),
    ]
    assert len({v.id for v in violations}) == 3
    wanted = "id execution_id timestamp files_scanned total_violations errors warnings info by_code validator"
    assert set(wanted.split()) <= set(summary[0]._fields)
    assert [(s.files_scanned, s.total_violations, s.errors, s.warnings, s.info) for s in summary] == [
        (2, 2, 1, 1, 0),
        (2, 1, 0, 1, 0),
    ]
    wanted = "id file_path total_scans total_violations avg_violations_per_scan most_common_code last_scan last_violation"
    assert set(wanted.split()) <= set(metrics[0]._fields)
    assert [(m.file_path, m.total_scans, m.total_violations, m.avg_violations_per_scan) for m in metrics] == [
        ("a.py", 2, 2, 1.0),
        ("b.py", 2, 1, 0.5),
    ]
    assert [m.most_common_code for m in metrics] == ["F401", "E999"]
    assert str(metrics[1].last_violation)[:16] == "2026-01-15 12:00"
    assert str(metrics[1].last_scan)[:16] == "2026-01-15 12:05"


def test_the_classes_of_the_views_read_them(database):
    from sqlalchemy.orm import Session

    from argos.store.schema import CodeQualityMetrics, LintSummary, LintViolation

    record(database, "one", a_scan(a_sighting()))
    with database.read() as connection, Session(connection) as session:
        (violation,) = session.scalars(sa.select(LintViolation))
        (summary,) = session.scalars(sa.select(LintSummary))
        metrics = session.scalars(sa.select(CodeQualityMetrics).order_by(CodeQualityMetrics.file_path)).all()
    assert (violation.code, violation.timestamp) == ("F401", NOON)
    assert (summary.by_code, summary.timestamp) == ({"F401": 1}, NOON)
    assert [(m.total_violations, m.last_violation) for m in metrics] == [(1, NOON), (0, None)]


def test_pruning_forgets_what_no_scan_shows_any_more(database):
    record(database, "one", a_scan(a_sighting(code="E1"), a_sighting(code="F2")))
    record(database, "two", a_scan(a_sighting(code="F2")), at=1)
    record(database, "three", a_scan(a_sighting(code="F2")), at=2)
    administration.prune(database, keep_last=1)
    assert rows(database, "lint_scans") == 1
    assert rows(database, "lint_findings") == 1
    assert codes(database, "three") == ["F2"]


def test_a_scan_that_is_not_recorded_is_refused(database):
    with database.read() as connection, pytest.raises(ArgosError, match="No scan 'x'"):
        quality.found_in(connection, "x")


def test_hostile_text_comes_back_visible(database):
    odd = a_sighting("bad\udcff.py", message="nul \0 and \ud800", around=Surroundings("f\udcff", 1))
    record(database, "one", a_scan(odd, files=("bad\udcff.py",)))
    assert record(database, "two", a_scan(odd, files=("bad\udcff.py",))).new == ()
    with database.read() as connection:
        (back,) = quality.found_in(connection, "one")
    assert (back.sighting.path, back.sighting.message) == ("bad\\udcff.py", "nul \\x00 and \\ud800")


SCANS = st.lists(
    st.tuples(
        st.sets(st.sampled_from(["a.py", "b.py", "c.py"]), min_size=1),
        st.lists(
            st.tuples(st.sampled_from(["a.py", "b.py", "c.py"]), st.sampled_from("EFW"), st.integers(1, 9))
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SCANS)
def test_every_scan_reads_back_as_it_was_recorded(tmp_path_factory, scans):
    opened = open_database(Path(tmp_path_factory.mktemp("any")))
    try:
        expected = {}
        for number, (files, found) in enumerate(scans):
            seen = [a_sighting(path, code, line) for path, code, line in found if path in files]
            record(opened, f"s{number}", a_scan(*seen, files=tuple(sorted(files))), at=number)
            expected[f"s{number}"] = sorted(seen, key=str)
        with opened.read() as connection:
            for name, seen in expected.items():
                back = [each.sighting for each in quality.found_in(connection, name)]
                assert sorted(back, key=str) == seen
    finally:
        opened.close()
