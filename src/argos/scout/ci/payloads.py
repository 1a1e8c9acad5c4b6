"""GitHub's JSON as values. What is missing or of another kind than expected is absent, not an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from argos.model.ci import COMPLETED, Annotation, Artifact, JobStep, WorkflowJob, WorkflowRun

Json = Mapping[str, object]
_HOSTED = ("ubuntu-", "windows-", "macos-")


def run(document: Json) -> WorkflowRun | None:
    """A run attempt; None without an id.

    GitHub tells no end of a run: it is the time of the last change, once the run is completed.
    """
    run_id = _int(document, "id")
    if run_id is None:
        return None
    path = _text(document, "path")
    status = _text(document, "status")
    return WorkflowRun(
        run_id=run_id,
        workflow_name=_text(document, "name") or path or "",
        run_attempt=_int(document, "run_attempt") or 1,
        workflow_path=path.partition("@")[0] if path else None,
        run_number=_int(document, "run_number"),
        event=_text(document, "event"),
        status=status,
        conclusion=_text(document, "conclusion"),
        branch=_text(document, "head_branch"),
        commit=_text(document, "head_sha"),
        title=_text(document, "display_title"),
        created_at=_time(document, "created_at"),
        started_at=_time(document, "run_started_at") or _time(document, "created_at"),
        completed_at=_time(document, "updated_at") if status == COMPLETED else None,
        url=_text(document, "html_url"),
    )


def job(document: Json, run_id: int | None = None) -> WorkflowJob | None:
    """A job with its steps; None without an id. `run_id` is used where the document has none."""
    job_id = _int(document, "id")
    of_run = _int(document, "run_id") or run_id
    if job_id is None or of_run is None:
        return None
    labels = tuple(label for label in _list(document, "labels") if isinstance(label, str))
    return WorkflowJob(
        job_id=job_id,
        run_id=of_run,
        name=_text(document, "name") or str(job_id),
        run_attempt=_int(document, "run_attempt") or 1,
        labels=labels,
        runner_name=_text(document, "runner_name"),
        runner_os=next((label for label in labels if label.lower().startswith(_HOSTED)), None),
        status=_text(document, "status"),
        conclusion=_text(document, "conclusion"),
        commit=_text(document, "head_sha"),
        created_at=_time(document, "created_at"),
        started_at=_time(document, "started_at"),
        completed_at=_time(document, "completed_at"),
        steps=tuple(_steps(document)),
        url=_text(document, "html_url"),
    )


def _steps(document: Json) -> Iterator[JobStep]:
    for at, step in enumerate(objects(document.get("steps")), 1):
        yield JobStep(
            number=_int(step, "number") or at,
            name=_text(step, "name") or "",
            status=_text(step, "status"),
            conclusion=_text(step, "conclusion"),
            started_at=_time(step, "started_at"),
            completed_at=_time(step, "completed_at"),
        )


def artifact(document: Json, run_id: int) -> Artifact | None:
    artifact_id = _int(document, "id")
    if artifact_id is None:
        return None
    return Artifact(
        artifact_id=artifact_id,
        run_id=run_id,
        name=_text(document, "name") or str(artifact_id),
        size_bytes=_int(document, "size_in_bytes") or 0,
        expired=document.get("expired") is True,
        created_at=_time(document, "created_at"),
        expires_at=_time(document, "expires_at"),
        digest=_text(document, "digest"),
    )


def annotation(document: Json) -> Annotation:
    return Annotation(
        message=_text(document, "message") or "",
        level=_text(document, "annotation_level") or "failure",
        title=_text(document, "title"),
        path=_text(document, "path"),
        line=_int(document, "start_line"),
    )


def objects(value: object) -> list[Json]:
    """The objects of a JSON array; whatever else is in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(document: Json, key: str) -> str | None:
    """None for an empty text too: GitHub writes both."""
    value = document.get(key)
    return value if isinstance(value, str) and value else None


def _int(document: Json, key: str) -> int | None:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) < 2**63 else None  # what the store can hold


def _list(document: Json, key: str) -> list[object]:
    value = document.get(key)
    return value if isinstance(value, list) else []


def _time(document: Json, key: str) -> datetime | None:
    value = document.get(key)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None
