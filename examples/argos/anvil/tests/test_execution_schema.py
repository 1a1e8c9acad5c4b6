import pytest
from anvil.execution_schema import STATUSES, mistakes


def test_a_whole_record_is_fine(record):
    assert mistakes(record) == []


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_known(record, status):
    assert mistakes({**record, "status": status}) == []


@pytest.mark.parametrize("status", ["passed", "", None, 3])
def test_another_status_is_a_mistake(record, status):
    assert mistakes({**record, "status": status}) == ["status is none of PASSED, FAILED, SKIPPED, ERROR"]


@pytest.mark.parametrize("duration", [-1, "1", None, True])
def test_a_duration_is_a_number_of_seconds(record, duration):
    assert mistakes({**record, "duration": duration}) == ["duration is not a number of seconds"]


def test_all_mistakes_are_told_at_once():
    assert len(mistakes({"duration": -1})) == 3
