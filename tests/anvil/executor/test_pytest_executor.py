"""Rules executed for real: this interpreter's pytest on small projects."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argos.anvil.executor.ending import shortened
from argos.process import alive
from builders import Ran, anvil, environment, project, write

PASSING = "def test_one(): pass\ndef test_two(): pass\n"
MIXED = "def test_good(): pass\ndef test_bad(): assert 1 == 2\n"


def execute(root: Path, rule: str = "all", *args: str) -> Ran:
    return anvil("execute", "--rule", rule, "--json", *args, project=root)


def outcomes(ran: Ran) -> dict[str, str]:
    return {each["entity"]: each["outcome"] for each in ran.json["results"]}


def picks(ran: Ran) -> dict[str, str]:
    return {each["entity"]: each["reason"] for each in ran.json["selected"]}


def history(root: Path) -> list[dict[str, Any]]:
    return list(anvil("history", "list", "--json", project=root).json["executions"])


def test_every_result_is_remembered_and_a_failure_is_exit_code_1(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": MIXED})
    ran = execute(root)
    assert ran.code == 1
    assert outcomes(ran) == {"tests/test_a.py::test_good": "passed", "tests/test_a.py::test_bad": "failed"}
    assert ran.json["counts"]["passed"] == ran.json["counts"]["failed"] == 1
    (execution,) = history(root)
    assert execution["execution_id"] == ran.json["execution_id"]
    assert execution["complete"] is True


def test_the_documented_keys_are_there(tmp_path: Path) -> None:
    document = execute(project(tmp_path, {"tests/test_a.py": MIXED})).json
    keys = {
        "execution_id",
        "rule",
        "space",
        "selected",
        "gone",
        "counts",
        "duration_s",
        "full_duration_s",
        "results",
    }
    assert keys <= set(document)
    assert {"entity", "outcome", "duration_s", "message"} <= set(document["results"][0])
    assert document["selected"][0] == {"entity": "tests/test_a.py::test_good", "reason": "every test"}


def test_failed_in_last_picks_what_failed_and_says_so(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": MIXED, "tests/test_b.py": PASSING})
    full = execute(root)
    ran = execute(root, "failed-in-last")
    assert picks(ran) == {"tests/test_a.py::test_bad": "failed when it last ran"}
    assert list(outcomes(ran)) == ["tests/test_a.py::test_bad"]
    assert ran.json["full_duration_s"] == pytest.approx(full.json["duration_s"])
    assert picks(execute(root, "failed-in-last")) == {"tests/test_a.py::test_bad": "failed 2 of its last 2"}


def test_a_rule_without_picks_runs_nothing_and_is_fine(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": PASSING})
    execute(root)
    ran = anvil("execute", "--rule", "failed-in-last", project=root)
    assert ran.code == 0
    assert "Nothing to run" in ran.out


def test_a_project_without_a_single_test_is_fine_too(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": "x = 1\n"})
    ran = execute(root)
    assert (ran.code, ran.json["results"]) == (0, [])


def test_a_group_collects_only_the_files_it_names(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "tests/test_a.py": PASSING,
            "tests/test_b.py": "open('imported', 'w').close()\n" + PASSING,
            ".lens/rules.yaml": "rules:\n  - name: quick\n    criteria: group\n    groups: [tests/test_a.py]\n",
        },
    )
    ran = execute(root, "quick")
    assert set(picks(ran).values()) == {"matches tests/test_a.py"}
    assert len(outcomes(ran)) == 2
    assert not (root / "imported").exists()


def test_a_dry_run_shows_the_picks_and_runs_and_records_nothing(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": "def test_one(): open('ran', 'w').close()\n"})
    ran = execute(root, "all", "--dry-run")
    assert picks(ran) == {"tests/test_a.py::test_one": "every test"}
    assert not (root / "ran").exists()
    assert history(root) == []
    assert list((root / ".argos" / "journal").iterdir()) == []


def test_a_test_that_is_gone_is_reported_and_the_others_run(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": MIXED, "tests/test_b.py": "def test_worse(): assert 0\n"})
    execute(root)
    (root / "tests/test_b.py").unlink()
    ran = execute(root, "failed-in-last")
    assert ran.json["gone"] == ["tests/test_b.py::test_worse"]
    assert list(outcomes(ran)) == ["tests/test_a.py::test_bad"]


def test_a_test_whose_file_cannot_be_collected_is_not_called_gone(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": MIXED, "tests/test_b.py": PASSING})
    execute(root)
    write(root, {"tests/test_a.py": "import no_such_module\n"})
    ran = execute(root, "failed-in-last")
    assert ran.json["gone"] == []
    assert outcomes(ran) == {"tests/test_a.py": "error"}
    assert ran.code == 1


def test_a_file_that_cannot_be_collected_does_not_hide_the_others(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": "import no_such_module\n", "tests/test_b.py": PASSING})
    ran = execute(root)
    assert outcomes(ran) == {
        "tests/test_a.py": "error",
        "tests/test_b.py::test_one": "passed",
        "tests/test_b.py::test_two": "passed",
    }
    assert "no_such_module" in ran.json["results"][0]["message"]


def test_after_a_file_could_not_be_collected_its_tests_are_picked_until_it_can_be(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"tests/test_a.py": "import no_such_module\n" + PASSING, "tests/test_b.py": PASSING}
    )
    execute(root)
    write(root, {"tests/test_a.py": PASSING})
    ran = execute(root, "failed-in-last")
    assert picks(ran) == dict.fromkeys(
        ("tests/test_a.py::test_one", "tests/test_a.py::test_two"),
        "collecting its file failed when it last ran",
    )
    assert (ran.code, ran.json["gone"]) == (0, [])
    assert picks(execute(root, "failed-in-last")) == {}


MONOREPO = {
    f"{name}/{file}": text
    for name in ("forge", "anvil", "scout")
    for file, text in {
        "pytest.ini": "[pytest]\n",
        "tests/conftest.py": f"import pytest\n@pytest.fixture\ndef who(): return {name!r}\n",
        "tests/test_models.py": f"def test_who(who): assert who == {name!r}\n",
    }.items()
}


@pytest.mark.parametrize("workers", ["1", "2", "6"])
def test_equally_named_modules_of_several_roots_do_not_meet(tmp_path: Path, workers: str) -> None:
    root = project(tmp_path, MONOREPO)
    ran = execute(root, "all", "--workers", workers)
    assert ran.code == 0, ran.err
    assert outcomes(ran) == {
        f"{name}/tests/test_models.py::test_who": "passed" for name in ("forge", "anvil", "scout")
    }


def test_packages_of_the_target_that_are_called_as_ours_do_not_matter(tmp_path: Path) -> None:
    packages = {f"{name}/__init__.py": f"name = {name!r}\n" for name in ("argos", "anvil", "scout", "lens")}
    test = "import anvil, argos, lens, scout\ndef test_names(): assert argos.name == 'argos' and anvil.name == 'anvil'\n"
    ran = execute(project(tmp_path, {**packages, "tests/test_a.py": test}))
    assert list(outcomes(ran).values()) == ["passed"], ran.json


def test_workers_share_the_files_of_one_root_and_each_test_runs_once(tmp_path: Path) -> None:
    files = {f"tests/test_{i}.py": PASSING for i in range(5)}
    ran = execute(project(tmp_path, files), "all", "--workers", "2")
    assert len(ran.json["results"]) == len(outcomes(ran)) == 10


def test_the_shards_of_a_rule_are_disjoint_and_together_everything(tmp_path: Path) -> None:
    root = project(tmp_path, {f"tests/test_{i}.py": PASSING for i in range(10)})
    shards = [set(picks(execute(root, "all", "--shard", f"{i}/3", "--dry-run"))) for i in (1, 2, 3)]
    assert sum(map(len, shards)) == len(set.union(*shards)) == 20
    assert all(shards)


def test_a_limit_keeps_the_tests_most_likely_to_fail(tmp_path: Path) -> None:
    rules = (
        "rules:\n  - {name: one, criteria: all, limit: 1}\n  - {name: little, criteria: all, budget: 1s}\n"
    )
    slow = "import time\ndef test_slow(): time.sleep(1.2)\n"
    root = project(
        tmp_path,
        {
            "tests/test_a.py": PASSING,
            "tests/test_b.py": MIXED,
            "tests/test_c.py": slow,
            ".lens/rules.yaml": rules,
        },
    )
    execute(root)
    ran = execute(root, "one")
    assert list(picks(ran)) == ["tests/test_b.py::test_bad"]
    assert any("left out 4 of 5" in note for note in ran.json["notes"])
    assert "tests/test_c.py::test_slow" not in picks(execute(root, "little"))


def test_criteria_are_combined(tmp_path: Path) -> None:
    rules = """
    rules:
      - name: failing-elsewhere
        all:
          - criteria: failed-in-last
          - not: {criteria: group, groups: [tests/test_a.py]}
      - name: either
        any:
          - criteria: failed-in-last
          - {criteria: group, groups: ["*::test_good"]}
    """
    root = project(tmp_path, {"tests/test_a.py": MIXED, "tests/test_b.py": MIXED, ".lens/rules.yaml": rules})
    execute(root)
    assert list(picks(execute(root, "failing-elsewhere"))) == ["tests/test_b.py::test_bad"]
    assert len(picks(execute(root, "either"))) == 4


def test_changed_files_pick_their_tests_and_those_named_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "models.py": "",
        "tests/test_models.py": PASSING,
        "tests/test_views.py": PASSING,
        "tests/test_other.py": PASSING,
    }
    root = project(tmp_path, files)
    monkeypatch.setenv("CHANGED_FILES", "models.py\ntests/test_views.py")
    assert picks(execute(root, "changed", "--dry-run")) == {
        "tests/test_models.py::test_one": "named after models.py, which has changed",
        "tests/test_models.py::test_two": "named after models.py, which has changed",
        "tests/test_views.py::test_one": "tests/test_views.py has changed",
        "tests/test_views.py::test_two": "tests/test_views.py has changed",
    }


# The project's own options


def ini(addopts: str) -> str:
    return f"[pytest]\naddopts = {addopts}\nmarkers = slow\n"


def test_a_selective_run_is_not_stopped_by_the_projects_own_exitfirst(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {"pytest.ini": ini("-x --lf"), "tests/test_a.py": "def test_a(): assert 0\ndef test_b(): assert 0\n"},
    )
    ran = execute(root)
    assert list(outcomes(ran).values()) == ["failed", "failed"]
    assert any("-x" in note or "maxfail" in note for note in ran.json["notes"])
    assert len(outcomes(execute(root))) == 2


def test_a_test_that_history_picks_runs_despite_the_projects_marker_filter(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.slow\ndef test_slow(): assert 0\ndef test_fast(): pass\n"
    root = project(tmp_path, {"pytest.ini": ini(""), "tests/test_a.py": source})
    execute(root)
    (root / "pytest.ini").write_text(ini('-m "not slow"'), encoding="utf-8")
    ran = execute(root, "failed-in-last")
    assert outcomes(ran) == {"tests/test_a.py::test_slow": "failed"}
    assert any("not slow" in note for note in ran.json["notes"])


def test_a_full_run_keeps_the_projects_marker_filter_and_says_what_it_left_out(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.slow\ndef test_slow(): assert 0\ndef test_fast(): pass\n"
    ran = execute(project(tmp_path, {"pytest.ini": ini('-m "not slow"'), "tests/test_a.py": source}))
    assert list(outcomes(ran)) == ["tests/test_a.py::test_fast"]
    assert any("1 test left out by filters" in note for note in ran.json["notes"])


def test_options_of_the_user_reach_pytest_and_are_not_overridden(tmp_path: Path) -> None:
    ran = execute(
        project(tmp_path, {"tests/test_a.py": "def test_a(): assert 0\ndef test_b(): assert 0\n"}),
        "all",
        "--",
        "-x",
    )
    assert len(ran.json["results"]) == 1
    assert ran.json["counts"]["not_run"] == 1


def test_the_tests_see_the_environment_as_it_is_without_a_hook_and_without_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
    import os
    def test_environment():
        assert not [name for name in os.environ if name.startswith(('GIT_INDEX', 'GIT_DIR', 'ARGOS_PLUGIN'))]
        assert 'argos' not in os.environ.get('PYTHONPATH', '')
    """
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    ran = execute(project(tmp_path, {"tests/test_a.py": source}))
    assert ran.code == 0, ran.json["results"]


# What goes wrong


def test_a_test_that_ends_the_process_is_named_and_the_finished_ones_stay(tmp_path: Path) -> None:
    source = "import os\ndef test_a(): pass\ndef test_b(): os._exit(7)\ndef test_c(): pass\n"
    root = project(tmp_path, {"tests/test_a.py": source})
    ran = execute(root)
    assert ran.code == 1
    assert (ran.json["status"], ran.json["running"]) == ("interrupted", ["tests/test_a.py::test_b"])
    assert outcomes(ran) == {"tests/test_a.py::test_a": "passed", "tests/test_a.py::test_b": "error"}
    assert "exit code 7" in ran.json["results"][1]["message"]
    assert ran.json["counts"]["not_run"] == 1
    assert "tests/test_a.py::test_b" in picks(execute(root, "failed-in-last", "--dry-run"))


def test_a_crash_of_the_interpreter_is_told_with_its_signal(tmp_path: Path) -> None:
    source = "import os, signal\ndef test_crash(): os.kill(os.getpid(), signal.SIGSEGV)\n"
    ran = execute(project(tmp_path, {"tests/test_a.py": source}))
    assert "SIGSEGV" in ran.json["results"][0]["message"]


def test_a_test_that_hangs_is_stopped_at_the_time_limit_with_its_stack(tmp_path: Path) -> None:
    source = "import time\ndef test_a(): pass\ndef test_hangs():\n    time.sleep(600)\n"
    root = project(tmp_path, {"tests/test_a.py": source})
    ran = execute(root, "all", "--timeout", "5")
    assert outcomes(ran) == {"tests/test_a.py::test_a": "passed", "tests/test_a.py::test_hangs": "failed"}
    assert "did not end within 5 s" in ran.json["results"][1]["message"]
    shown = anvil("history", "show", ran.json["execution_id"], project=root).out
    assert 'test_a.py", line 4 in test_hangs' in shown


DEEP = """
import threading, time

def down(levels):
    if levels:
        down(levels - 1)
    else:
        time.sleep(600)

def wait_for_ever():
    time.sleep(600)

def test_hangs():
    for number in range(3):
        threading.Thread(target=wait_for_ever, daemon=True).start()
    down(90)
"""


def test_the_innermost_call_of_every_thread_is_kept_however_deep_the_test_hangs(tmp_path: Path) -> None:
    ran = execute(project(tmp_path, {"tests/test_a.py": DEEP}), "all", "--timeout", "5")
    shown = anvil("history", "show", ran.json["execution_id"], "--json", project=tmp_path).json
    lines = shown["results"][0]["traceback"].splitlines()
    assert lines[0].startswith("Current thread")
    assert lines[1].endswith('test_a.py", line 7 in down')
    assert sum("in wait_for_ever" in line for line in lines) == 3


def test_a_traceback_of_a_process_keeps_its_head_and_its_tail_within_its_limit() -> None:
    text = "".join(f"{number}\n" for number in range(20_000))
    kept = shortened(text)
    assert len(kept) <= 32_768
    assert kept.startswith("0\n1\n")
    assert kept.endswith("19999\n")
    assert "characters left out" in kept


@pytest.mark.skipif(sys.platform == "win32", reason="Forks.")
def test_a_child_of_a_hanging_test_ends_with_it(tmp_path: Path) -> None:
    source = """
    import os, time
    def test_hangs():
        child = os.fork()
        if child == 0:
            import signal
            signal.signal(signal.SIGABRT, signal.SIG_IGN)
            while True:
                time.sleep(1)
        open("child", "w").write(str(child))
        time.sleep(600)
    """
    root = project(tmp_path, {"tests/test_a.py": source})
    execute(root, "all", "--timeout", "5")
    child = Path(root / "child").read_text()
    deadline = time.monotonic() + 30
    while alive(int(child)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(int(child)) or "Z" in Path(f"/proc/{child}/stat").read_text().split()


def test_a_project_that_hangs_while_it_is_collected_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": "import time\ntime.sleep(600)\n"})
    ran = execute(root, "all", "--timeout", "1")
    assert ran.code == 2
    assert "time limit" in ran.err
    here = ran.err.splitlines()[2:4]
    assert here[0].startswith("Current thread")
    assert here[1].endswith('test_a.py", line 2 in <module>')


def test_a_conftest_that_cannot_be_imported_is_refused_with_pytests_own_words(tmp_path: Path) -> None:
    ran = execute(
        project(tmp_path, {"tests/conftest.py": "import no_such_module\n", "tests/test_a.py": PASSING})
    )
    assert ran.code == 2
    assert "no_such_module" in ran.err


def test_an_interpreter_without_pytest_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    ran = execute(project(tmp_path / "p", {"tests/test_a.py": PASSING}, python=tmp_path / "bare/bin/python"))
    assert ran.code == 2
    assert "has no pytest" in ran.err
    assert "-m pip install pytest" in ran.err


@pytest.mark.parametrize("capture", ["fd", "no"])
def test_a_suite_that_prints_without_end_and_closes_its_output_is_still_recorded(
    tmp_path: Path, capture: str
) -> None:
    source = """
    import os, sys
    def test_prints():
        for _ in range(2000): os.write(1, b'x' * 10000)
    def test_fails_loudly():
        print('y' * 1000000)
        assert 0
    def test_closes(): os.close(1); os.close(2)
    """
    root = project(
        tmp_path, {"pytest.ini": f"[pytest]\naddopts = --capture={capture}\n", "tests/test_a.py": source}
    )
    ran = execute(root)
    finished = outcomes(ran)
    # Without capturing it is pytest's own output that the last test closes, and pytest dies of that.
    if capture == "no" and len(finished) == 2:
        assert ran.json["running"] == ["tests/test_a.py::test_closes"]
        finished["tests/test_a.py::test_closes"] = "passed"
    assert list(finished.values()) == ["passed", "failed", "passed"]


def test_a_suite_that_changes_directory_keeps_its_names(tmp_path: Path) -> None:
    source = "import os\ndef test_moves(tmp_path): os.chdir(tmp_path)\ndef test_after(): pass\n"
    ran = execute(project(tmp_path, {"tests/test_a.py": source}))
    assert list(outcomes(ran)) == ["tests/test_a.py::test_moves", "tests/test_a.py::test_after"]


# Killed at any instant


SLOW = "import pathlib, time\ndef test_a(): pass\ndef test_b():\n    pathlib.Path('running').touch(); time.sleep({})\ndef test_c(): pass\n"


def in_background(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from argos.anvil.cli import main; main()", "execute", "--rule", "all", "--json", "--project", str(root)],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root,
    )  # fmt: skip


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def pytest_pid(root: Path) -> int:
    (journal,) = root.glob(".argos/journal/*/0.jsonl")
    return int(json.loads(journal.read_text().splitlines()[0])["pid"])


def test_when_anvil_is_killed_the_next_command_records_what_was_finished(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": SLOW.format(1)})
    with in_background(root) as running:
        wait_for(root / "running")
        running.kill()
        running.communicate()
    ran = anvil("history", "list", "--json", project=root)
    assert "interrupted execution" in ran.err
    (execution,) = ran.json["executions"]
    assert (execution["status"], execution["running"]) == ("interrupted", ["tests/test_a.py::test_b"])
    assert execution["counts"]["passed"] == 1
    assert (execution["selected"], execution["not_run"]) == (3, 2)
    shown = anvil("history", "show", execution["execution_id"], project=root).out
    assert "not run    2 picked tests had no result" in shown


def test_what_an_orphaned_pytest_still_finishes_is_recorded_later_and_then_it_stops(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": SLOW.format(2)})
    with in_background(root) as running:
        wait_for(root / "running")
        orphan = pytest_pid(root)
        running.kill()
        running.communicate()
    ran = anvil("history", "list", "--json", project=root)
    assert f"still runs (process {orphan})" in ran.err
    deadline = time.monotonic() + 30
    while list(root.glob(".argos/journal/*")) and time.monotonic() < deadline:
        ran = anvil("history", "list", "--json", project=root)
    (execution,) = ran.json["executions"]
    assert (execution["counts"]["passed"], execution["not_run"]) == (2, 1)
    shown = anvil("history", "show", execution["execution_id"], "--json", project=root).json
    assert [result["entity"][-6:] for result in shown["results"]] == ["test_a", "test_b"]


def test_when_pytest_is_killed_anvil_records_and_names_the_running_test(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": SLOW.format(600)})
    with in_background(root) as running:
        wait_for(root / "running")
        os.kill(pytest_pid(root), signal.SIGKILL)
        out, _ = running.communicate()
    assert running.returncode == 1
    document = json.loads(out)
    assert (document["status"], document["running"]) == ("interrupted", ["tests/test_a.py::test_b"])
    assert document["counts"]["passed"] == 1


def test_when_both_are_killed_nothing_that_finished_is_lost(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": SLOW.format(600)})
    with in_background(root) as running:
        wait_for(root / "running")
        pid = pytest_pid(root)
        running.kill()
        os.kill(pid, signal.SIGKILL)
        running.communicate()
    (execution,) = history(root)
    assert (execution["status"], execution["running"]) == ("interrupted", ["tests/test_a.py::test_b"])
    assert history(root) == [execution]


def test_ctrl_c_stops_records_and_exits_with_130(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": SLOW.format(600)})
    with in_background(root) as running:
        wait_for(root / "running")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate()
    assert running.returncode == 130
    document = json.loads(out)
    assert document["status"] == "interrupted"
    assert document["counts"]["passed"] == 1
    assert document["running"] == ["tests/test_a.py::test_b"]
    assert history(root)[0]["counts"]["passed"] == 1


def test_two_executions_at_once_lose_nothing(tmp_path: Path) -> None:
    root = project(tmp_path, {f"tests/test_{i}.py": PASSING for i in range(20)})
    with in_background(root) as first, in_background(root) as second:
        first.communicate()
        second.communicate()
    assert [each["counts"]["passed"] for each in history(root)] == [40, 40]
    shown = anvil("stats", "show", "--json", project=root).json["entities"]
    assert {each["total_runs"] for each in shown} == {2}


def test_a_group_that_matches_nothing_is_said(tmp_path: Path) -> None:
    rules = "rules:\n  - {name: q, criteria: group, groups: [tests/test_a.py, tests/test_b.py, tests]}\n"
    ran = execute(project(tmp_path, {"tests/test_a.py": PASSING, ".lens/rules.yaml": rules}), "q")
    assert ran.json["notes"] == ["The rule's group tests/test_b.py matches no test."]


# A machine that refuses


def test_a_project_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"tests/test_a.py": "def test_one(): open('/tmp/never', 'w')\n"})
    (root / ".argos").write_text("in the way", encoding="utf-8")
    ran = execute(root)
    assert ran.code == 2
    assert "cannot be written" in ran.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"x" * 4096)


def test_a_disk_that_is_full_is_refused_and_the_old_results_stay(small_disk: Path) -> None:
    root = project(small_disk, {"tests/test_a.py": PASSING})
    assert execute(root, "all", "--", "-p", "no:cacheprovider").code == 0
    fill(small_disk)
    ran = execute(root, "all", "--", "-p", "no:cacheprovider")
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    (small_disk / "ballast").unlink()
    assert history(root)[-1]["counts"]["passed"] == 2
    assert anvil("db", "check", project=root).code == 0


def test_a_disk_that_fills_up_while_tests_run_loses_no_finished_test(small_disk: Path) -> None:
    source = """
    import pathlib
    def test_one(): pass
    def test_fills():
        with open('ballast', 'wb', buffering=0) as stream:
            try:
                while True:
                    stream.write(b'x' * 4096)
            except OSError:
                pass
    """
    tests = "".join(f"def test_{i}(): pass\n" for i in range(300))
    root = project(small_disk, {"tests/test_a.py": source, "tests/test_b.py": tests})
    ran = execute(root, "all", "--", "-p", "no:cacheprovider")
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err
    (small_disk / "ballast").unlink()
    assert history(root)[0]["counts"]["passed"] >= 1
    assert anvil("db", "check", project=root).code == 0


def test_results_that_are_recorded_while_tests_still_run_are_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argos.anvil.executor.pytest_executor.EARLY_RESULTS", 1)
    source = "import time\n" + "".join(f"def test_{i}(): time.sleep(0.05)\n" for i in range(20))
    root = project(tmp_path, {"tests/test_a.py": source})
    ran = execute(root)
    shown = anvil("history", "show", ran.json["execution_id"], "--json", project=root).json
    assert [each["entity"] for each in shown["results"]] == [each["entity"] for each in ran.json["results"]]
    assert {
        each["total_runs"] for each in anvil("stats", "show", "--json", project=root).json["entities"]
    } == {1}
    assert anvil("db", "check", project=root).code == 0


def test_a_picked_test_without_a_result_is_not_fine(tmp_path: Path) -> None:
    ran = execute(project(tmp_path, {"tests/test_a.py": PASSING}), "all", "--", "--setup-only")
    assert (ran.code, ran.json["counts"]["not_run"]) == (1, 2)


def test_a_file_of_the_database_holds_all_of_it_when_the_command_has_ended(tmp_path: Path) -> None:
    root = project(tmp_path / "a", {"tests/test_a.py": PASSING})
    execute(root)
    assert [file.name for file in (root / ".argos").glob("argos.db*")] == ["argos.db"]
    other = project(tmp_path / "b", {".argos/x": ""})
    shutil.copy(root / ".argos/argos.db", other / ".argos/argos.db")
    assert len(history(other)) == 1


def test_a_run_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/conftest.py": "import no_such_module\n", "tests/test_a.py": PASSING})
    assert execute(root).code == 2
    assert execute(root, "all", "--", "--no-such-option").code == 2
    (root / ".argos/argos.db").rename(root / "kept.db")
    (root / ".argos/argos.db").write_bytes(b"no database" * 1000)
    assert execute(root).code == 2
    (root / "kept.db").replace(root / ".argos/argos.db")
    ran = anvil("history", "list", "--json", project=root)
    assert (ran.json["executions"], ran.err) == ([], "")


def test_a_conftest_that_ends_pytest_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/conftest.py": "import sys\nsys.exit(0)\n", "tests/test_a.py": PASSING})
    ran = execute(root)
    assert ran.code == 2
    assert "before it had collected any test" in ran.err


def test_a_full_run_with_harmless_arguments_is_a_full_run(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": PASSING})
    execute(root, "all", "--", "-p", "no:randomly")
    assert history(root)[0]["complete"] is True
    execute(root, "all", "--", "-k", "one")
    assert history(root)[0]["complete"] is False


def test_nothing_changed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path, {"README.md": "", "tests/test_a.py": PASSING})
    monkeypatch.setenv("CHANGED_FILES", "")
    assert execute(root, "changed").json["notes"] == ["No file has changed."]
    monkeypatch.setenv("CHANGED_FILES", "README.md")
    assert execute(root, "changed").json["notes"] == ["No test belongs to what has changed: README.md."]


@pytest.mark.parametrize("arguments", [["--", "tests/test_a.py"], ["--", "-x", "tests/test_a.py::test_one"]])
def test_a_path_beside_the_rule_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    ran = execute(project(tmp_path, {"tests/test_a.py": PASSING}), "all", *arguments)
    assert ran.code == 2
    assert "What to run is said by the rule" in ran.err
    assert "groups:" in ran.err
