from datetime import timedelta

import pytest
from scout.models import WorkflowRun


@pytest.mark.parametrize("seconds", [0, 1, 90, 86_400])
def test_a_run_lasts_until_it_is_completed(noon, seconds):
    lasted = timedelta(seconds=seconds)
    assert WorkflowRun(1, noon, noon + lasted).duration == lasted


def test_a_run_that_goes_on_has_no_duration(noon):
    assert WorkflowRun(1, noon).duration is None


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", None])
def test_only_success_is_success(noon, conclusion):
    assert WorkflowRun(1, noon, conclusion="success").successful
    assert not WorkflowRun(1, noon, conclusion=conclusion).successful
