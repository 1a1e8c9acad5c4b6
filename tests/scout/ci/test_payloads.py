"""GitHub's JSON as values, and JSON that is not GitHub's."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from argos.scout.ci import payloads

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.just("0001-01-01T00:00:00+14:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "id", "run_id", "name", "path", "status", "labels", "steps", "created_at", "run_attempt", "head_sha",
    "updated_at", "digest", "expired", "size_in_bytes", "start_line", "message", "run_started_at",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_document_is_too_strange(document: dict[str, object]) -> None:
    run = payloads.run(document)
    assert run is None or abs(run.run_id) < 2**63
    job = payloads.job(document, 1)
    assert job is None or all(isinstance(label, str) for label in job.labels)
    payloads.artifact(document, 1)
    payloads.annotation(document)


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    for text in ("2026-11-01T08:00:00Z", "2026-11-01T09:00:00+01:00", "2026-11-01T08:00:00"):
        run = payloads.run({"id": 1, "created_at": text})
        assert run is not None
        assert run.created_at == datetime(2026, 11, 1, 8, tzinfo=UTC)
        assert run.started_at == run.created_at


def test_the_path_of_a_called_workflow_is_its_file() -> None:
    run = payloads.run({"id": 1, "path": ".github/workflows/ci.yml@refs/heads/main", "name": None})
    assert run is not None
    assert run.workflow_path == ".github/workflows/ci.yml"


def test_a_self_hosted_runner_does_not_tell_its_system() -> None:
    job = payloads.job({"id": 1, "run_id": 2, "labels": ["self-hosted", "gpu"]})
    assert job is not None
    assert job.runner_os is None
    hosted = payloads.job({"id": 1, "run_id": 2, "labels": ["self-hosted", "Windows-2025"]})
    assert hosted is not None
    assert hosted.runner_os == "Windows-2025"
