"""Makes the cases anew: `python make.py INTERPRETER...`, each with pytest and, where it shall be used, pytest-xdist.

For each interpreter and each way to print, `<pytest version>-<way>.txt` is what pytest printed and
`<…>.json` what its own JUnit report says of the same run: the outcome of each test.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).parent
WAYS = {
    "v": ["-v"],
    "dots": [],
    "q": ["-q"],
    "tb-short": ["--tb=short"],
    "tb-native": ["-v", "--tb=native"],
    "tb-no": ["--tb=no", "-q"],
    "tb-line": ["--tb=line"],
    "no-summary": ["-v", "-rN"],
    "count": ["-v", "-o", "console_output_style=count"],
    "classic": ["-v", "-o", "console_output_style=classic"],
    "color": ["-v", "--color=yes"],
    "all": ["-rA", "--durations=5", "-vv"],
    "xdist-v": ["-n", "2", "-v"],
    "xdist": ["-n", "2"],
    "xdist-q": ["-n", "2", "-q"],
}


def outcomes(report):
    """[classname, name, outcome] of each testcase; a test may have two."""
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")] or ["passed"]
        for kind in kinds:
            child = case.find(kind)
            outcome = {"failure": "failed"}.get(kind, kind)
            if child is not None and child.get("type") == "pytest.xfail":
                outcome = "xfailed"
            found.append([case.get("classname"), case.get("name"), outcome])
    return found


def version(python):
    command = [python, "-m", "pytest", "--version"]
    text = subprocess.run(command, cwd=HERE / "project", capture_output=True, text=True)
    return re.search(r"pytest(?: version)? (\d+\.\d+)", text.stdout + text.stderr)[1]


def make(python):
    environment = {**os.environ, "CI": "true", "COLUMNS": "80"}
    for project in ("project", "broken"):
        for name, options in WAYS.items():
            if project == "broken" and name not in ("v", "q", "tb-short", "xdist-v"):
                continue
            with tempfile.TemporaryDirectory() as folder:
                report = Path(folder) / "junit.xml"
                command = [python, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *options]
                done = subprocess.run(
                    command, cwd=HERE / project, capture_output=True, encoding="utf-8", env=environment
                )
                text = done.stdout.replace(str(HERE / project), "/home/runner/work/shop/shop")
                text = re.sub(r"/\S*/bin/python\S*", "/opt/hostedtoolcache/Python/x64/bin/python", text)
                text = re.sub(r"/\S*/(lib/python|site-packages/)", r"/opt/\1", text)
                text = re.sub(r"\S+junit\.xml", "junit.xml", text)
                case = HERE / f"{version(python)}-{project}-{name}"
                case.with_name(case.name + ".txt").write_text(text, encoding="utf-8", newline="\n")
                said = json.dumps(outcomes(report), ensure_ascii=True, indent=0)
                case.with_name(case.name + ".json").write_text(said + "\n", encoding="utf-8")


if __name__ == "__main__":
    for interpreter in sys.argv[1:]:
        make(interpreter)
