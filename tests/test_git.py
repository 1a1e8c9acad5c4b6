from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from argos import git
from argos.errors import ArgosError
from builders import write

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here.")


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository above the test's folder and no settings of the machine's users count."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = write(tmp_path / "repo", {"a.py": "1\n2\n", "tests/test_a.py": "1\n", "tests/test_b.py": "1\n"})
    run(root, "init")
    run(root, "add", ".")
    run(root, "commit", "-m", "first")
    return root


def test_a_clean_repository_has_a_commit_and_a_branch(repo: Path) -> None:
    assert git.state(repo) == git.GitState(run(repo, "rev-parse", "HEAD"), "main", False)


def test_a_detached_head_has_no_branch(repo: Path) -> None:
    run(repo, "checkout", "--detach")
    state = git.state(repo)
    assert (state.branch, state.commit is None) == (None, False)


@pytest.mark.parametrize("staged", [True, False])
def test_a_changed_tracked_file_makes_the_tree_dirty(repo: Path, staged: bool) -> None:
    write(repo, {"a.py": "changed\n"})
    if staged:
        run(repo, "add", "a.py")
    assert git.state(repo).dirty is True


def test_a_deleted_file_makes_the_tree_dirty(repo: Path) -> None:
    (repo / "a.py").unlink()
    assert git.state(repo).dirty is True


def test_an_untracked_file_does_not(repo: Path) -> None:
    write(repo, {"new.py": ""})
    assert git.state(repo).dirty is False


def test_line_ends_alone_are_no_change(repo: Path) -> None:
    (repo / "a.py").write_bytes(b"1\r\n2\r\n")
    assert git.state(repo).dirty is False
    assert git.changed_files(repo, {}) == ()


def test_a_fresh_clone_whose_line_ends_git_wants_to_change_is_clean(repo: Path, tmp_path: Path) -> None:
    (repo / "crlf.py").write_bytes(b"1\r\n")
    run(repo, "add", ".")
    run(repo, "commit", "-m", "crlf")
    write(repo, {".gitattributes": "* text eol=lf\n"})
    run(repo, "add", ".gitattributes")
    run(repo, "commit", "-m", "attributes")
    run(tmp_path, "clone", str(repo), "clone")
    (tmp_path / "clone/crlf.py").touch()
    assert git.state(tmp_path / "clone").dirty is False
    assert git.changed_files(tmp_path / "clone", {}) == ()


def test_a_change_besides_line_ends_is_one(repo: Path) -> None:
    (repo / "a.py").write_bytes(b"1\r\n3\r\n")
    assert git.changed_files(repo, {}) == ("a.py",)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable files.")
def test_a_change_of_mode_alone_is_one(repo: Path) -> None:
    (repo / "a.py").chmod(0o755)
    assert git.changed_files(repo, {}) == ("a.py",)


def test_a_changed_binary_file_is_one(repo: Path) -> None:
    (repo / "x.bin").write_bytes(b"\0\1")
    run(repo, "add", ".")
    run(repo, "commit", "-m", "binary")
    (repo / "x.bin").write_bytes(b"\0\2")
    assert git.changed_files(repo, {}) == ("x.bin",)


def test_before_the_first_commit_there_is_a_branch_and_no_commit(tmp_path: Path) -> None:
    root = write(tmp_path / "new", {"a.py": "", "b.py": "x"})
    run(root, "init")
    run(root, "add", "b.py")
    assert git.state(root) == git.GitState(None, "main", True)
    assert git.changed_files(root, {}) == ("a.py", "b.py")


def test_outside_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert git.state(tmp_path) == git.GitState()
    with pytest.raises(ArgosError, match="not a git repository") as refused:
        git.changed_files(tmp_path, {})
    assert "CHANGED_FILES" in str(refused.value.next_step)


def test_without_git_nothing_is_known(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git.state(repo) == git.GitState()


def test_changed_are_the_staged_the_unstaged_and_the_untracked_files(repo: Path) -> None:
    write(
        repo,
        {
            "a.py": "3\n",
            "tests/test_a.py": "2\n",
            "ü mlaut.py": "",
            "x.log": "",
            ".gitignore": "*.log\n",
            ".argos/db": "",
        },
    )
    run(repo, "add", "a.py")
    (repo / "tests/test_b.py").unlink()
    assert git.changed_files(repo, {}) == (".gitignore", "a.py", "tests/test_a.py", "ü mlaut.py")


def test_a_staged_change_that_was_taken_back_in_the_work_tree_is_one(repo: Path) -> None:
    write(repo, {"a.py": "3\n"})
    run(repo, "add", "a.py")
    write(repo, {"a.py": "1\n2\n"})
    assert git.changed_files(repo, {}) == ("a.py",)


def test_a_renamed_source_file_is_its_old_and_its_new_name(repo: Path) -> None:
    run(repo, "mv", "a.py", "b.py")
    assert git.changed_files(repo, {}) == ("a.py", "b.py")


def test_a_renamed_test_file_is_its_new_name(repo: Path) -> None:
    run(repo, "mv", "tests/test_a.py", "tests/test_c.py")
    assert git.changed_files(repo, {}) == ("tests/test_c.py",)


@pytest.mark.parametrize("staged", [True, False])
def test_of_the_deleted_files_only_sources_are_among_the_changed(repo: Path, staged: bool) -> None:
    write(repo, {"tests/a_test.py": "", "notes.txt": "1\n"})
    run(repo, "add", ".")
    run(repo, "commit", "-m", "more")
    for name in ("a.py", "notes.txt", "tests/test_a.py", "tests/a_test.py"):
        (repo / name).unlink()
    if staged:
        run(repo, "add", ".")
    assert git.changed_files(repo, {}) == ("a.py",)


def test_paths_are_relative_to_the_project_and_stay_in_it(repo: Path) -> None:
    write(repo, {"a.py": "3\n", "tests/test_a.py": "2\n", "tests/new.py": ""})
    assert git.changed_files(repo / "tests", {}) == ("new.py", "test_a.py")


def test_the_variables_of_a_hook_do_not_lead_astray(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, {"tests/test_a.py": "2\n"})
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert git.changed_files(repo / "tests", {}) == ("test_a.py",)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ()),
        ("\n", ()),
        ("a.py\ntests/test_a.py\n", ("a.py", "tests/test_a.py")),
        ("a.py\r\ntests/test_a.py\r\n", ("a.py", "tests/test_a.py")),
        ("a.py tests/test_a.py", ("a.py", "tests/test_a.py")),
        ("with space.py\n./a.py\na.py", ("a.py", "with space.py")),
        ('"\\303\\274 \\"x\\".py"', ('ü "x".py',)),
        ("gone.py\na.py", ("a.py",)),
        ("../elsewhere.py", ()),
    ],
)
def test_the_variable_names_the_changed_files(repo: Path, written: str, expected: tuple[str, ...]) -> None:
    if os.name == "nt" and '"' in written:
        pytest.skip("Windows has no quotes in file names.")
    write(repo, {"with space.py": "", "../elsewhere.py": "", **({} if os.name == "nt" else {'ü "x".py': ""})})
    assert git.changed_files(repo, {"CHANGED_FILES": written}) == expected


def test_the_variable_may_name_files_from_the_top_of_the_repository(repo: Path) -> None:
    environ = {"CHANGED_FILES": "a.py\ntests/test_a.py\ntest_b.py"}
    assert git.changed_files(repo / "tests", environ) == ("test_a.py", "test_b.py")


def test_the_variable_may_name_files_by_their_whole_path(repo: Path) -> None:
    assert git.changed_files(repo, {"CHANGED_FILES": str(repo / "a.py")}) == ("a.py",)


def test_the_variable_needs_no_repository(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ""})
    assert git.changed_files(tmp_path, {"CHANGED_FILES": "a.py"}) == ("a.py",)


# Files, renames and commits


def test_renames_since_a_commit_lead_from_the_former_path_to_the_present_one(repo: Path) -> None:
    write(repo, {"long.py": "".join(f"line {n}\n" for n in range(30))})
    run(repo, "add", ".")
    run(repo, "commit", "-m", "second")
    commit = run(repo, "rev-parse", "HEAD")
    (repo / "pkg").mkdir()
    run(repo, "mv", "long.py", "pkg/longer name.py")
    assert git.renames(repo, commit) == {"long.py": "pkg/longer name.py"}
    run(repo, "commit", "-m", "third")
    assert git.renames(repo, commit) == {"long.py": "pkg/longer name.py"}


@pytest.mark.parametrize("commit", ["0" * 40, "no-such-branch", "--output=x"])
def test_renames_since_a_commit_that_is_not_there_are_none(repo: Path, commit: str) -> None:
    assert git.renames(repo, commit) == {}
    assert not (repo / "x").exists()


def test_own_files_are_those_that_git_knows_or_would_take_up(repo: Path) -> None:
    write(repo, {".gitignore": "*.log\n", "new é.py": "1\n", "x.log": "1\n"})
    assert git.own_files(repo) == [".gitignore", "a.py", "new é.py", "tests/test_a.py", "tests/test_b.py"]
    assert git.own_files(repo / "tests") == ["test_a.py", "test_b.py"]


def test_commits_are_counted_by_file(repo: Path) -> None:
    write(repo, {"a.py": "changed\n"})
    run(repo, "commit", "-am", "second")
    counts = git.commits_by_file(repo, 30)
    assert (counts["a.py"], counts["tests/test_a.py"]) == (2, 1)
    assert git.commits_by_file(repo / "tests", 30) == {"test_a.py": 1, "test_b.py": 1}


def test_without_a_repository_there_are_no_files_renames_or_commits(tmp_path: Path) -> None:
    assert (git.own_files(tmp_path), git.renames(tmp_path, "HEAD"), git.commits_by_file(tmp_path, 9)) == (
        None,
        {},
        {},
    )
