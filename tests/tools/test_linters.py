from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.ci import LintViolation
from argos.tools import linters, sarif
from argos.tools.lint_lines import severity_of_code

CASES = Path(__file__).parent.parent / "cases" / "lint"

# The file, whose output it is, how many violations it holds, and which files could not be read.
WRITTEN = [
    ("flake8.txt", "flake8", 13, ("b.py",)),
    ("flake8-verbose.txt", "flake8", 13, ("b.py",)),
    ("flake8-colour.txt", "flake8", 12, ()),
    ("flake8-pylint.txt", "flake8", 12, ()),
    ("black.txt", "black", 2, ("b.py",)),
    ("black-diff.txt", "black", 2, ("b.py",)),
    ("isort.txt", "isort", 1, ()),
    ("isort-diff.txt", "isort", 1, ()),
    ("pylint.json", "pylint", 13, ("b.py",)),
    ("pylint2.json", "pylint", 13, ("b.py",)),
    ("pylint.txt", "pylint", 13, ("b.py",)),
    ("pylint-parseable.txt", "pylint", 12, ()),
    ("ruff.json", "ruff", 8, ("/home/runner/work/shop/shop/b.py",)),
    ("ruff.txt", "ruff", 8, ("b.py",)),
    ("ruff.sarif", "sarif", 8, ()),
    ("mypy.jsonl", "mypy", 1, ()),
    ("mypy.txt", "mypy", 1, ()),
    ("mypy-pretty.txt", "mypy", 1, ()),
    ("mypy-broken.txt", "mypy", 2, ("b.py",)),
]


def written(name: str) -> str:
    return (CASES / name).read_text(encoding="utf-8")


def read(text: str, form: str | None = None):
    return linters.read(text, form)[1]


@pytest.mark.parametrize("name, tool, count, broken", WRITTEN, ids=[each[0] for each in WRITTEN])
def test_real_output_is_recognised_and_understood_to_the_last_line(name, tool, count, broken):
    found, output = linters.read(written(name))
    assert (found, len(output.violations), output.not_understood, output.broken) == (tool, count, (), broken)


@pytest.mark.parametrize("name", ["pylint.json", "pylint2.json", "pylint.txt"])
def test_each_of_pylints_formats_says_the_same(name):
    assert set(read(written(name)).violations) == set(read(written("pylint.json")).violations)


def test_each_of_mypys_formats_says_the_same():
    (as_json,) = read(written("mypy.jsonl")).violations
    assert (as_json.line, as_json.column, as_json.code) == (7, 12, "return-value")
    assert read(written("mypy.txt")).violations == read(written("mypy-pretty.txt")).violations == (as_json,)


def test_a_line_of_flake8_has_place_code_and_message():
    (found,) = read("src\\a.py:3:8: E231 missing whitespace after ','\n", "flake8").violations
    assert found == LintViolation("flake8", "src/a.py", "E231", "missing whitespace after ','", 3, 8, "INFO")


def test_a_windows_path_keeps_its_drive():
    (found,) = read("C:\\work\\a.py:3:8: F821 undefined name 'x'\r\n", "flake8").violations
    assert (found.path, found.line, found.severity) == ("C:/work/a.py", 3, "ERROR")


def test_warnings_before_json_are_passed_over_if_python_printed_them_and_returned_if_not():
    text = f"/usr/lib/x.py:3: DeprecationWarning: old\nodd [word]\n{written('ruff.json')}trailer\n"
    output = read(text, "ruff")
    assert (len(output.violations), output.not_understood) == (8, ("odd [word]", "trailer"))


def test_what_no_reader_understands_comes_back():
    output = read("a.py:1:1: F401 'os' imported but unused\nSegmentation fault\n", "flake8")
    assert (len(output.violations), output.not_understood) == (1, ("Segmentation fault",))


@pytest.mark.parametrize("name", ["ruff.json", "pylint.json"])
def test_json_that_is_cut_off_holds_no_violation_and_is_not_silent(name):
    text = written(name)
    output = read(text[: len(text) // 2], name.partition(".")[0])
    assert not output.violations
    assert output.not_understood


def test_checkstyle_is_read_with_its_severities():
    form, output = linters.read(written("checkstyle.xml"))
    assert form == "checkstyle"
    assert [(v.tool, v.path, v.code, v.line, v.severity) for v in output.violations] == [
        ("flake8", "src/a.py", "F821", 3, "ERROR"),
        ("com", "src/a.py", "LineLengthCheck", 9, "INFO"),
    ]
    assert output.not_understood == ("<exception>",)


def test_hostile_xml_yields_what_stands_before_the_damage():
    text = '<checkstyle><file name="a.py"><error line="1" message="m" source="s"/><!ENTITY'
    output = read(text)
    assert len(output.violations) == 1
    assert "breaks" in output.not_understood[0]


def test_other_xml_is_refused():
    with pytest.raises(ArgosError, match="no checkstyle report"):
        read("<coverage/>")


def test_text_of_nobody_is_refused_with_the_way_out():
    with pytest.raises(ArgosError, match="none of these.*--tool"):
        read("hello\n")


def a_sarif(**result: object) -> str:
    rules = [{"id": "R1", "defaultConfiguration": {"level": "error"}}]
    usual = {
        "ruleIndex": 0,
        "message": {"text": "m"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": "src/a%20b.py"}, "region": {"startLine": 4}}}
        ],
    }
    driver = {"name": "CodeQL", "rules": rules}
    run = {"tool": {"driver": driver}, "results": [{**usual, **result}]}
    return json.dumps({"version": "2.1.0", "runs": [run]})


def test_a_result_takes_its_level_and_id_from_its_rule():
    (found,) = read(a_sarif()).violations
    assert found == LintViolation("codeql", "src/a b.py", "R1", "m", 4, None, "ERROR")


@pytest.mark.parametrize(
    "result",
    [
        {"suppressions": [{"kind": "inSource"}]},
        {"baselineState": "absent"},
        {"kind": "pass"},
        {"level": "none"},
    ],
    ids=lambda result: next(iter(result)),
)
def test_results_that_do_not_stand_do_not_count(result):
    assert read(a_sarif(**result)) == linters.ToolOutput()


def test_a_rejected_suppression_suppresses_nothing():
    assert len(read(a_sarif(suppressions=[{"kind": "external", "status": "rejected"}])).violations) == 1


def test_a_result_without_a_message_is_returned_as_not_understood():
    assert len(read(a_sarif(message=3)).not_understood) == 1


def test_paths_of_sarif_lose_their_scheme_and_find_their_base():
    where = {"physicalLocation": {"artifactLocation": {"uri": "file:///C:/x/a.py"}}}
    assert read(a_sarif(locations=[where])).violations[0].path == "C:/x/a.py"


def test_no_sarif_is_refused():
    with pytest.raises(ArgosError, match="no SARIF"):
        read("[]", "sarif")


VIOLATIONS = st.builds(
    LintViolation,
    tool=st.sampled_from(["flake8", "ruff"]),
    path=st.sampled_from(["a.py", "src/b c.py", "ü/%41.py"]),
    code=st.sampled_from(["E501", "F401"]),
    message=st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool),
    line=st.integers(1, 10_000),
    column=st.none() | st.integers(1, 200),
    severity=st.sampled_from(["ERROR", "WARNING", "INFO"]),
)


@given(st.lists(VIOLATIONS, max_size=8))
def test_what_is_written_as_sarif_is_read_back(violations):
    text = sarif.write([(each, str(place)) for place, each in enumerate(violations)], version="1")
    assert sorted(map(repr, read(text, "sarif").violations)) == sorted(map(repr, violations))


def test_the_fingerprint_of_a_result_is_of_its_identity_alone():
    def fingerprint(line: int, identity: str) -> str:
        each = LintViolation("ruff", "a.py", "F401", "m", line)
        return json.loads(sarif.write([(each, identity)], version="1"))["runs"][0]["results"][0][
            "partialFingerprints"
        ]["argosIdentity/v1"]

    assert fingerprint(1, "x") == fingerprint(2, "x") != fingerprint(1, "y")


@pytest.mark.parametrize("form", linters.LINTERS)
@given(text=st.text(alphabet=st.sampled_from("a.py:1 :2: E501 x[]{}\"'\n\x1b[0m-+@ "), max_size=200))
def test_no_text_is_dropped_or_crashes_a_reader(form, text):
    output = linters.read(text, form)[1]
    assert all(line.strip() for line in output.not_understood)


@pytest.mark.parametrize(
    "code, severity",
    [("E999", "ERROR"), ("F821", "ERROR"), ("F401", "WARNING"), ("C901", "WARNING"), ("E501", "INFO"),
     ("W291", "INFO"), ("W605", "WARNING"), ("D103", "INFO"), ("DTZ001", "WARNING"), ("S101", "WARNING"),
     ("E711", "WARNING"), ("PLE0101", "ERROR"), ("invalid-syntax", "ERROR")],
)  # fmt: skip
def test_a_severity_is_by_what_the_code_means(code, severity):
    assert severity_of_code(code) == severity


@pytest.mark.parametrize(
    "tool, written, arguments",
    [
        (
            "flake8",
            {"max_line_length": 100, "ignore": ["E203", "W503"], "per_file_ignores": {"__init__.py": ["F401"]}},
            ("--max-line-length=100", "--ignore=E203,W503", "--per-file-ignores=__init__.py:F401"),
        ),
        ("black", {"check": True, "line_length": 100, "target_version": ["py311"]},
         ("--line-length=100", "--target-version=py311")),
        ("isort", {"check_only": True, "profile": "black"}, ("--profile=black",)),
        ("pylint", {"disable": ["C0114"], "max_line_length": 90}, ("--max-line-length=90", "--disable=C0114")),
        ("ruff", {"select": ["E", "F"], "line_length": 90}, ("--line-length=90", "--select=E,F")),
        ("mypy", {"strict": True}, ("--strict",)),
    ],
)  # fmt: skip
def test_options_of_the_configuration_become_arguments(tool, written, arguments):
    module = linters.LINTERS[tool]
    assert module.options(written) == arguments
    assert module.options({}) == ()


def test_black_and_isort_say_what_they_cannot_read():
    older = read("error: cannot format a.py: Cannot parse: 1:4: def (:\n", "black").violations
    assert (older[0].code, older[0].line, older[0].severity) == ("cannot-format", 1, "ERROR")
    unread = read("WARNING: Unable to parse file a.py due to 'utf-8' codec can't decode\n", "isort")
    assert (unread.violations[0].code, unread.broken) == ("cannot-sort", ("a.py",))


def test_entries_of_json_that_are_no_violation_come_back():
    for tool in ("ruff", "pylint"):
        assert read('[{"odd": 1}, 3]', tool).not_understood == ("{'odd': 1}", "3")
    assert read('{"file": 1}\n{broken\n', "mypy").not_understood == ('{"file": 1}', "{broken")
