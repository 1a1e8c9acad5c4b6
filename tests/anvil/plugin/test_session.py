"""The session as a whole: what is told of it, what it does to the project, and what the project does to it."""

from __future__ import annotations

import os
import re

import pytest

from argos import locks

ONE = {"test_a.py": "def test_1(): pass\n"}
ORDERED = ("-p", "no:randomly")


def test_the_session_describes_itself(edge_project):
    project_ = edge_project(ONE)
    run = project_.run("-q", "-q")

    (session,) = run.events("session")
    asked = project_.start("--version", "--version", wait=False).end().printed
    assert session["pytest"] in asked
    assert re.fullmatch(r"3\.\d+\.\d+", session["python"])
    assert session["implementation"] == "cpython"
    assert session["platform"].count("-") >= 2
    assert session["worker"] is None
    assert session["rootdir"] == str(project_.root)
    assert session["inifile"] == str(project_.root / "pytest.ini")
    assert session["args"] == ["-p", "argos_pytest", "-q", "-q"]
    assert any(re.fullmatch(r"xdist-[\d.]+", plugin) for plugin in session["plugins"])
    assert run.events("finish") == [
        {**run.events("finish")[0], "exit": 0, "shouldfail": None, "shouldstop": None}
    ]


def test_the_project_sees_its_own_environment(project):
    suite = {
        "test_a.py": """
        import os, subprocess, sys
        def test_environment():
            assert "ARGOS_PLUGIN_CONFIG" not in os.environ
            assert "PYTHONPATH" not in os.environ
            assert [os.path.basename(p) for p in sys.path].index("plugin") == len(sys.path) - 1
        def test_of_its_subprocesses():
            assert subprocess.call([sys.executable, "-c", "import argos_pytest"]) != 0
        """
    }
    run = project(suite).run()

    assert set(run.outcomes.values()) == {"passed"}, run.results


def test_an_old_pythonpath_is_put_back(plain_project):
    suite = {"test_a.py": "import os\ndef test_1(): assert os.environ['PYTHONPATH'] == 'a:b'\n"}

    assert plain_project(suite).run(pythonpath="a:b").outcomes == {"test_1": "passed"}


def test_the_plugin_causes_no_warning(edge_project):
    run = edge_project(ONE).run(
        "-p", "no:asyncio", "-W", "error::pytest.PytestWarning", "-W", "error::DeprecationWarning"
    )

    assert run.exit == 0
    assert not re.search("warning.*argos", run.printed, re.IGNORECASE)


@pytest.mark.parametrize(
    "args", [("-p", "no:cacheprovider"), ("-p", "no:terminal"), ("-s",), ("-q", "--tb=no")]
)
def test_it_works_without_parts_of_pytest(plain_project, args):
    assert plain_project(ONE).run(*args).outcomes == {"test_1": "passed"}


HOSTILE = {
    "conftest.py": "import os\nos.chdir('/')\n",
    "test_a.py": """
        import json, os, shutil, sys, tempfile, time
        def test_deleted_folder():
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            shutil.rmtree(folder)
        def test_environment():
            os.environ.clear()
        def test_patches():
            def broken(*args, **kwargs): raise RuntimeError("not for you")
            time.time = time.sleep = json.dumps = os.write = os.getpid = os.getppid = os.fstat = broken
        def test_threads():
            import threading
            threading.Thread(target=lambda: None).start()
        def test_exit():
            sys.exit("enough")
        def test_last(): pass
    """,
}


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a folder that a process is in.")
def test_a_hostile_test_does_not_disturb_the_record(edge_project):
    run = edge_project(HOSTILE).run(*ORDERED, "-s", "-p", "no:cacheprovider", "-p", "no:faulthandler")

    assert list(run.outcomes) == [
        "test_deleted_folder", "test_environment", "test_patches", "test_threads", "test_exit", "test_last",
    ], run.printed  # fmt: skip
    assert run.outcomes["test_last"] == "passed"
    assert run.events("finish")


def test_a_frozen_clock_does_not_move_the_times(plain_project):
    suite = {"test_a.py": "import time\ndef test_1(): time.time = lambda: 0.0\ndef test_2(): pass\n"}
    run = plain_project(suite).run(*ORDERED)

    assert run.events("session")[0]["at"] <= run.result("test_1")["at"] <= run.result("test_2")["at"]


@pytest.mark.skipif(os.name == "nt", reason="Descriptors are closed one by one here.")
def test_closing_every_descriptor_and_opening_others_does_not_lose_results(edge_project):
    suite = {
        "test_a.py": """
        import os
        def test_closes():
            os.closerange(3, 100)
            for number in range(20): os.open("mine", os.O_RDWR | os.O_CREAT)
        def test_next(): pass
        """
    }
    project_ = edge_project(suite)
    run = project_.run(*ORDERED, "-s", "-p", "no:faulthandler")

    assert run.outcomes == {"test_closes": "passed", "test_next": "passed"}
    assert (project_.root / "mine").read_text() == ""


def test_closed_standard_streams_are_survived(plain_project):
    suite = {
        "test_a.py": "import os, sys\ndef test_1():\n    sys.stdout.close()\n    os.close(1)\ndef test_2(): pass\n"
    }
    run = plain_project(suite).run(*ORDERED, "-s", "-p", "no:terminal")

    assert run.outcomes == {"test_1": "passed", "test_2": "passed"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system has no fork.")
class TestForks:
    def test_a_child_that_goes_on_with_the_session_writes_nothing(self, plain_project):
        suite = {
            "test_a.py": """
            import os
            def test_forks():
                child = os.fork()
                if child: os.waitpid(child, 0)
                assert child == 0 or child > 0
            def test_next(): pass
            """
        }
        run = plain_project(suite).run(*ORDERED)

        assert [result["id"] for result in run.results] == ["test_a.py::test_forks", "test_a.py::test_next"]
        assert len(run.events("finish")) == 1

    def test_a_child_that_stays_does_not_keep_the_journal_locked(self, plain_project):
        suite = {
            "test_a.py": """
            import os, time
            def test_leaves_a_daemon():
                child = os.fork()
                if child == 0:
                    while not os.path.exists("end"): time.sleep(0.02)
                    os._exit(0)
                open("child", "w").close()
            """
        }
        project = plain_project(suite)
        session = project.start(wait=False)
        session.process.wait()  # the child still holds the pipe of its output
        try:
            assert (project.root / "child").exists()
            assert not locks.held(session.folder / "0.jsonl")
        finally:
            (project.root / "end").touch()
            session.end()


def test_the_journal_is_locked_while_the_process_lives(plain_project):
    session = plain_project(ONE).start()
    session.until("collected")

    assert locks.held(session.folder / "0.jsonl")
    session.answer({"run": "all"})
    run = session.end()
    assert not locks.held(run.folder / "0.jsonl")


def test_a_session_inside_a_test_is_not_recorded(edge_project):
    suite = {
        "conftest.py": "pytest_plugins = ['pytester']\n",
        "test_a.py": """
        import pytest
        def test_inner(pytester_or_testdir, request):
            tester = pytester_or_testdir
            tester.makepyfile("def test_inside(): assert 0")
            tester.runpytest_inprocess().assert_outcomes(failed=1)
            tester.runpytest_inprocess("-p", "argos_pytest").assert_outcomes(failed=1)
            tester.runpytest_subprocess().assert_outcomes(failed=1)
        @pytest.fixture
        def pytester_or_testdir(request):
            return request.getfixturevalue("pytester")
        """,
    }
    run = edge_project(suite).run("-p", "no:cacheprovider")

    assert run.outcomes == {"test_inner": "passed"}, run.printed
    assert list(run.journals) == ["0"]


@pytest.mark.parametrize(
    ("body", "exit_status"),
    [("import pytest; pytest.exit('enough')", 2), ("raise KeyboardInterrupt", 2)],
    ids=["exit", "interrupt"],
)
def test_an_interrupted_test_has_a_start_and_no_result(plain_project, body, exit_status):
    run = plain_project({"test_a.py": f"def test_1(): pass\ndef test_2(): {body}\ndef test_3(): pass\n"}).run(
        *ORDERED
    )

    assert run.outcomes == {"test_1": "passed"}
    assert [event["id"] for event in run.events("start")] == ["test_a.py::test_1", "test_a.py::test_2"]
    assert run.events("finish")[0]["exit"] == run.exit == exit_status


def test_an_interrupt_during_collection_asks_nothing_and_runs_nothing(edge_project):
    conftest = "def pytest_collection_modifyitems(): raise KeyboardInterrupt\n"
    run = edge_project({**ONE, "conftest.py": conftest}).start().end()

    assert not run.events("collected")
    assert run.events("finish")[0]["exit"] == run.exit == 2


def test_results_before_an_internal_error_stand(edge_project):
    conftest = """
        def pytest_runtest_logreport(report):
            if "test_2" in report.nodeid: raise RuntimeError("a broken plugin")
    """
    run = edge_project(
        {"test_a.py": "def test_1(): pass\ndef test_2(): pass\n", "conftest.py": conftest}
    ).run(*ORDERED)

    assert run.outcomes == {"test_1": "passed"}
    assert "INTERNALERROR" in run.printed
    assert run.events("finish")[0]["exit"] == run.exit == 3


def test_a_session_fixture_that_fails_at_the_end_is_an_error_of_the_last_test(plain_project):
    suite = {
        "test_a.py": """
        import pytest
        @pytest.fixture(scope="session", autouse=True)
        def whole():
            yield
            raise OSError("cannot clean up")
        def test_1(): pass
        def test_2(): pass
        """
    }
    run = plain_project(suite).run(*ORDERED)

    assert run.outcomes == {"test_1": "passed", "test_2": "error"}
    assert run.result("test_2")["message"] == "OSError: cannot clean up"


def test_what_another_plugin_makes_of_a_report_counts(edge_project):
    conftest = """
        import pytest
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            report = outcome.get_result()
            if report.when == "call":
                report.outcome, report.longrepr = "failed", "judged by the project"
    """
    run = edge_project({**ONE, "conftest.py": conftest}).run()

    assert run.result("test_1")["outcome"] == "failed"
    assert run.result("test_1")["message"] == "judged by the project"


def test_a_time_limit_of_the_project_that_ends_the_process_names_the_running_test(plain_project):
    suite = {"test_a.py": "import time\ndef test_1(): pass\ndef test_2(): time.sleep(60)\n"}
    run = plain_project(suite).run(*ORDERED, "--timeout=0.3", "--timeout-method=thread")

    assert run.outcomes == {"test_1": "passed"}
    assert run.events("start")[-1]["id"] == "test_a.py::test_2"
    assert not run.events("finish")


def test_asynchronous_tests_are_recorded(plain_project):
    suite = {"test_a.py": "import pytest\n@pytest.mark.asyncio\nasync def test_1(): assert 0\n"}

    assert plain_project(suite).run().outcomes == {"test_1": "failed"}
