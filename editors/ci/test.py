"""Tests the CI kit with a real `weir`: `python3 test.py PATH_OF_WEIR`. Needs PyYAML and bash."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WEIR = Path(sys.argv[1])
ACTION = yaml.safe_load((ROOT / "editors/ci/github/action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "editors/ci/gitlab.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

RIGHT = 'coordinator main(name: string) -> string {\n  return "Hello, {name}"\n}\n'
WARNING = 'coordinator main(name: string) -> string {\n  loud = upper(name)\n  return "Hello, {name}"\n}\n'
WRONG = "coordinator main(name: string) -> string {\n  return nmae\n}\n"
FAILING = RIGHT + '\ntest "greets" {\n  run = main("Ann")\n  expect run.value == "Hello, Bo"\n}\n'
UGLY = 'coordinator   main(name: string) -> string {\n  return "Hello, {name}"\n}\n'


def bash(script, folder, **env):
    """Exit code and output of a script, as a runner of CI starts it."""
    path = f"{WEIR.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env={**os.environ, "PATH": path, **env}, capture_output=True, text=True,
    )
    return done.returncode, done.stdout + done.stderr


def project(text):
    folder = tempfile.TemporaryDirectory()
    (Path(folder.name) / "main.flow").write_text(text, encoding="utf-8")
    return folder


def expect(what, real, right):
    if real != right:
        sys.exit(f"test-ci-kit: {what}: expected {right!r}, got {real!r}")


def help_of(command):
    return subprocess.run([WEIR, command, "--help"], capture_output=True, text=True, check=True).stdout


def flags_exist():
    """Every flag that the kit and its page give to weir is one of that command, and every format is one of its formats."""
    texts = [step["run"] for step in ACTION["runs"]["steps"]]
    texts += [line for job in GITLAB.values() for line in job.get("script", [])]
    texts += [hook["entry"] for hook in HOOKS]
    page = (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
    texts += re.findall(r"^weir .*$", page, re.M) + re.findall(r"`(weir [^`]*)`", page)
    looked = 0
    for line in "\n".join(texts).replace("\\\n", " ").split("\n"):
        line = line.split(" #")[0]
        command = re.search(r"(?:\bweir\b|\"\$weir\")\s+([a-z]+)", line)
        known = [command[1]] if command and "cargo" not in line else ["check"] if "flags+=" in line else []
        for name in known:
            said = help_of(name)
            for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line):
                looked += 1
                expect(f"`{flag}` of `weir {name}`", bool(re.search(rf"{flag}\b(?!-)", said)), True)
            for form in re.findall(r"--format (\w+)", line):
                expect(f"format `{form}`", bool(re.search(rf"^\s*- {form}:", said, re.M)), True)
    for flag in re.findall(r"--[a-z-]+", (ROOT / "editors/ci/gitlab.yml").read_text(encoding="utf-8").split("WEIR_FLAGS")[1].split("\n")[0]):
        looked += 1
        expect(f"`{flag}` of `weir check`", flag in help_of("check"), True)
    return looked


def action(text, **given):
    """Exit codes of the check, the style and the tests, what check and tests printed, and the entries of the log."""
    values = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
    values.update({name.replace("_", "-"): value for name, value in given.items()}, weir=str(WEIR))
    steps = {step["name"]: step for step in ACTION["runs"]["steps"]}
    filled = lambda text: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda name: values[name[1]], text)
    env = lambda step: {name: filled(value) for name, value in step["env"].items()}
    with project(text) as folder:
        check, said = bash(steps["Check"]["run"], folder, **env(steps["Check"]))
        style, _ = bash(steps["Check the style"]["run"], folder, **env(steps["Check the style"]))
        tested, told = bash(steps["Test"]["run"], folder, **env(steps["Test"]))
        junit = Path(folder) / "weir-tests.xml"
        expect("JUnit XML", junit.exists() and "<testsuites" in junit.read_text(encoding="utf-8"), "junit" in given)
        log = Path(folder) / "weir.sarif"
        results = json.loads(log.read_text(encoding="utf-8"))["runs"][0]["results"] if log.exists() else None
    return check, style, tested, said + told, results


def github():
    expect("using", ACTION["runs"]["using"], "composite")
    for step in ACTION["runs"]["steps"]:
        expect(f"shell of `{step['name']}`", step.get("shell"), "bash")
        # A value of the workflow in a script would be code.
        expect(f"`${{{{` in the script of `{step['name']}`", "${{" in step["run"], False)
    manifest = ROOT / "editors/ci/github" / re.search(r"GITHUB_ACTION_PATH/([./\w]+)", ACTION["runs"]["steps"][0]["run"])[1]
    expect("the folder that is built", (manifest / "Cargo.toml").is_file(), True)

    expect("right", action(RIGHT)[:3], (0, 0, 0))
    expect("a test that fails", action(FAILING, junit="weir-tests.xml")[:3], (0, 0, 1))
    expect("its annotation", "::error file=main.flow,line=7" in action(FAILING)[3], True)
    check, style, tested, said, results = action(WRONG, sarif="weir.sarif")
    expect("wrong", (check, style, tested), (1, 0, 1))
    expect("annotation", "::error file=main.flow,line=2" in said, True)
    expect("log", [one["ruleId"] for one in results], ["unknown-name"])
    expect("not in the style", action(UGLY)[:3], (0, 1, 0))
    expect("warning", action(WARNING)[0], 0)
    expect("warning, denied", action(WARNING, deny_warnings="true")[0], 1)


def gitlab():
    jobs = {name: {**GITLAB[job["extends"]], **job} for name, job in GITLAB.items() if "extends" in job}
    # Where a job sets a variable, the file that includes the template cannot.
    expect("variables of jobs", [name for name, job in jobs.items() if "variables" in job], [])
    expect("jobs", sorted(jobs), ["weir-check", "weir-fmt", "weir-test"])

    def run(name, text, **more):
        job = jobs[name]
        script = "\n".join([*job["before_script"], *job["script"]])
        with project(text) as folder:
            code, said = bash(script, folder, **{**GITLAB["variables"], **more})
            made = [Path(folder, path).is_file() for path in job.get("artifacts", {}).get("paths", [])]
        expect(f"artifacts of {name}", all(made), True)
        return code, said

    expect("right", run("weir-check", RIGHT)[0], 0)
    expect("wrong", run("weir-check", WRONG)[0], 1)
    expect("said", "unknown-name" in run("weir-check", WRONG)[1], True)
    expect("warning, denied", run("weir-check", WARNING, WEIR_FLAGS="--deny-warnings")[0], 1)
    expect("in the style", run("weir-fmt", RIGHT)[0], 0)
    expect("not in the style", run("weir-fmt", UGLY)[0], 1)
    expect("tests", (run("weir-test", RIGHT)[0], run("weir-test", FAILING)[0]), (0, 1))


def hooks():
    by_id = {hook["id"]: hook for hook in HOOKS}
    expect("hooks", sorted(by_id), ["weir-check", "weir-fmt", "weir-test"])
    for hook in HOOKS:
        expect(f"keys of {hook['id']}", {"id", "name", "entry", "language", "files"} <= set(hook), True)
        for name, hit in (("flows/a.flow", True), ("a.flow", True), ("a.flow.md", False), ("src/a.rs", False)):
            expect(f"`{name}` for {hook['id']}", bool(re.search(hook["files"], name)), hit)
    for name, hit in (("weir.toml", True), ("x/weir.lock.json", True), ("notweir.toml", False)):
        expect(f"`{name}`", bool(re.search(by_id["weir-check"]["files"], name)), hit)
    with project(WRONG) as folder:
        expect("weir-check", bash(by_id["weir-check"]["entry"], folder)[0], 1)
    with project(FAILING) as folder:
        expect("weir-test", bash(by_id["weir-test"]["entry"], folder)[0], 1)
    with project(UGLY) as folder:
        expect("weir-fmt", bash(f"{by_id['weir-fmt']['entry']} main.flow", folder)[0], 0)
        expect("formatted", (Path(folder) / "main.flow").read_text(encoding="utf-8"), RIGHT)


if __name__ == "__main__":
    flags = flags_exist()
    expect("flags were looked at", flags > 10, True)
    github()
    gitlab()
    hooks()
    print(f"the CI kit works: {flags} flags, an action, a template, {len(HOOKS)} hooks")
