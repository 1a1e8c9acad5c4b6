from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.coverage import CoverageReport
from argos.tools import cobertura

CASES = Path(__file__).parent.parent / "cases" / "coverage"
VERSIONS = ("coverage-5.5", "coverage-7.17")


def recorded(name: str) -> CoverageReport:
    with (CASES / name).open("rb") as stream:
        return cobertura.read(stream)


def of(text: str | bytes) -> CoverageReport:
    return cobertura.read(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def report(*classes: str, attributes: str = "") -> str:
    inner = "".join(classes)
    return f"<coverage {attributes}><packages><package><classes>{inner}</classes></package></packages></coverage>"


def a_class(lines: str, *, file: str = "a.py", methods: str = "", rate: str = "1") -> str:
    return (
        f'<class name="a" filename="{file}" line-rate="{rate}"><methods>{methods}</methods>'
        f"<lines>{lines}</lines></class>"
    )


def line(number: object, hits: object = 1, more: str = "") -> str:
    return f'<line number="{number}" hits="{hits}"{more}/>'


@pytest.mark.parametrize("version", VERSIONS)
def test_lines_and_branches_of_coverage_py_are_read(version: str) -> None:
    core = recorded(f"{version}-branch.xml").files["pkg/core.py"]
    assert core.lines == (1, 2, 3, 4, 5, 6, 9, 10, 11, 12)
    assert core.missing == (10, 11, 12)
    assert core.branches is not None
    taken, every = core.branches
    assert 0 < taken < every


@pytest.mark.parametrize("version", VERSIONS)
def test_branches_that_were_not_measured_are_none(version: str) -> None:
    read = recorded(f"{version}-line.xml")
    assert {file.branches for file in read.files.values()} == {None}
    assert read.total == pytest.approx(70.0)


def test_the_total_that_the_report_states_is_kept() -> None:
    assert recorded("coverage-7.17-line.xml").stated == pytest.approx(70.0)
    assert recorded("coverage-7.17-branch.xml").stated == pytest.approx(100 * (7 + 4) / (10 + 6))
    assert of('<coverage line-rate="0.25"/>').stated == 25.0
    assert of('<coverage line-rate="25"/>').stated is None


def test_a_line_0_is_left_out() -> None:
    """coverage.py 5 takes the first instruction of a module of Python 3.11 for one."""
    read = recorded("coverage-5.5-line.xml")
    assert read.stated == pytest.approx(100 * 7 / 11)
    assert "'number': '0'" in read.unreadable[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_file_has_no_percent(version: str) -> None:
    empty = recorded(f"{version}-line.xml").files["pkg/__init__.py"]
    assert (empty.lines, empty.percent) == ((), None)


def test_the_folders_of_the_sources_are_kept() -> None:
    assert recorded("coverage-7.17-branch.xml").sources == ("/home/runner/work/demo/demo/src",)
    source = "<coverage><sources><source>D:\\a\\demo\\src\\</source><source/></sources></coverage>"
    assert of(source).sources == ("D:/a/demo/src",)


def test_the_line_of_a_function_that_is_no_statement_does_not_count() -> None:
    file = recorded("istanbul.xml").files["sum.js"]
    assert file.lines == (2, 3, 5, 8, 10)
    assert file.missing == (3, 8)
    assert file.branches == (1, 2)
    assert recorded("istanbul.xml").stated == pytest.approx(file.percent)


def test_the_lines_of_methods_count_where_the_class_has_none() -> None:
    method = f'<method name="m"><lines>{line(3, 0)}{line(4)}</lines></method>'
    file = of(report(a_class("", methods=method))).files["a.py"]
    assert (file.lines, file.missing) == ((3, 4), (3,))


def test_classes_of_one_file_are_one_file() -> None:
    read = of(report(a_class(line(1) + line(2, 0) + line(3, 0)), a_class(line(2) + line(9, 0))))
    file = read.files["a.py"]
    assert (file.lines, file.missing) == ((1, 2, 3, 9), (3, 9))


@pytest.mark.parametrize(
    "text",
    [
        line(7, 0),
        line(7, "0.0"),
        "<line hits='0' number='7'/>",
        '<line  number="7"  hits="0"  branch="false" />',
        '<line branch="false" hits="0" number="7"></line>',
        '<line number="7" hits="00"/>',
        '<line number="7" hits="&#48;"/>',
        '<line number="07" hits="0"/>',
        '<line number="7" hits="0" x-y="a>b"/>',
    ],
)
def test_a_line_is_read_however_it_is_written(text: str) -> None:
    file = of(report(a_class(line(6) + "\n" + text + "\n" + line(8, "1.5e3")))).files["a.py"]
    assert (file.lines, file.missing) == ((6, 7, 8), (7,))


@pytest.mark.parametrize("bad", [line(0), line(-1), line("x"), line(5, "many"), line(10**12), line(5, -3)])
def test_a_line_that_makes_no_sense_is_passed_over_with_a_sentence(bad: str) -> None:
    read = of(report(a_class(line(1) + bad + line(2))))
    assert read.files["a.py"].lines == (1, 2)
    assert "without a usable number" in read.unreadable[0]


def test_lines_in_comments_and_text_do_not_count() -> None:
    hidden = f"<!-- {line(50)} --><![CDATA[{line(51)}]]><?note {line(52)}?>"
    assert of(report(a_class(line(1) + hidden + line(2)))).files["a.py"].lines == (1, 2)


def test_a_stand_in_that_the_file_makes_up_stands_for_nothing() -> None:
    read = of(report(a_class('<_lines run="1"/><_lines/>' + line(1) + '<_lines run="1"/>')))
    assert read.files["a.py"].lines == (1,)


def test_branches_are_not_believed_where_the_report_says_there_are_none() -> None:
    branch = line(1, 1, ' branch="true" condition-coverage="50% (1/2)"')
    assert of(report(a_class(branch), attributes='branches-valid="0"')).files["a.py"].branches is None
    assert of(report(a_class(branch), attributes='branches-valid="2"')).files["a.py"].branches == (1, 2)
    assert of(report(a_class(branch))).files["a.py"].branches == (1, 2)


def test_windows_paths_get_slashes() -> None:
    assert set(
        of(report(a_class(line(1), file=".\\src\\a.py"), a_class(line(1), file="C:\\x\\b.py"))).files
    ) == {
        "src/a.py",
        "C:/x/b.py",
    }


def test_a_rate_without_lines_is_told() -> None:
    read = of(report(a_class("", rate="0.5"), attributes='line-rate="0.5"'))
    assert read.total is None
    assert read.stated == 50.0
    assert read.unreadable == ("a.py has a line rate of 0.5 but no lines.",)


def test_a_class_without_a_file_is_told() -> None:
    assert "names no file" in of(report(f'<class name="x"><lines>{line(1)}</lines></class>')).unreadable[0]


def test_a_report_that_is_cut_off_yields_what_stands_before_it() -> None:
    whole = (CASES / "coverage-7.17-branch.xml").read_bytes()
    read = of(whole[: whole.index(b'<line number="9"')])
    assert read.files["pkg/core.py"].lines == (1, 2, 3, 4, 5, 6)
    assert "line" in read.unreadable[-1]


def test_a_utf_16_report_is_read() -> None:
    file = of(report(a_class(line(1) + line(2, 0))).encode("utf-16")).files["a.py"]
    assert (file.lines, file.missing) == ((1, 2), (2,))


def test_classes_of_one_file_and_one_line_have_the_greater_branches() -> None:
    def branch(taken: int, every: int) -> str:
        return line(1, taken, f' branch="true" condition-coverage="50% ({taken}/{every})"')

    read = of(report(a_class(branch(1, 2)), a_class(branch(0, 4) + branch(3, 2))))
    assert read.files["a.py"].branches == (3, 4)


def test_entities_are_refused() -> None:
    with pytest.raises(ArgosError, match="entity"):
        of('<!DOCTYPE coverage [<!ENTITY a "b">]>' + report(a_class(line(1))))


def test_a_doctype_alone_is_no_harm() -> None:
    doctype = "<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>"
    assert of(doctype + report(a_class(line(1)))).files["a.py"].lines == (1,)


def test_markup_without_end_is_not_waited_for() -> None:
    read = of(report(a_class(line(1)))[:-11] + "<!--" + "x" * 40_000_000)
    assert read.files["a.py"].lines == (1,)
    assert "markup" in read.unreadable[-1]


@pytest.mark.parametrize("text", ["", "nothing", "<testsuite/>", "{}", "\0"])
def test_what_is_no_report_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ArgosError, match="no Cobertura coverage report"):
        of(text)


HITS = st.dictionaries(st.integers(1, 5000), st.integers(0, 3), max_size=60)


@given(HITS, st.sampled_from(["", "\n\t\t", " "]), st.sampled_from(["", ' branch="false"']))
def test_every_line_is_read_as_it_was_written(hits: dict[int, int], space: str, more: str) -> None:
    file = of(report(a_class(space.join(line(number, n, more) for number, n in hits.items())))).files["a.py"]
    assert file.lines == tuple(sorted(hits))
    assert file.missing == tuple(sorted(number for number, n in hits.items() if not n))


def never_crashes(data: bytes) -> None:
    try:
        read = of(data)
    except ArgosError:
        return
    assert all(set(file.missing) <= set(file.lines) for file in read.files.values())
    assert read.total is None or 0 <= read.total <= 100


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    never_crashes(data)
    never_crashes(b'<coverage><class filename="a"><lines>' + data)


@given(st.sampled_from(sorted(CASES.glob("*.xml"))), st.data())
def test_no_damage_to_a_report_crashes_the_reader(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    never_crashes(whole[:start] + data.draw(st.binary(max_size=30)) + whole[end:])
