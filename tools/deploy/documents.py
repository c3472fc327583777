"""Checks of single files: YAML, Dockerfile, shell scripts, the workflow."""

from __future__ import annotations

import re

from tools.deploy.checks import DEPLOY, ROOT, complain, python_tool, run

_RULES = (
    "{extends: default, rules: {line-length: {max: 130}, document-start: disable, "
    "braces: {max-spaces-inside: 0}, truthy: {check-keys: false}, "
    "comments: {min-spaces-from-content: 1}, comments-indentation: disable}}"
)


def yaml_is_tidy() -> str:
    files = sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml"), *(ROOT / ".github").rglob("*.yml")])
    run(python_tool("yamllint"), "--strict", "-d", _RULES, *files)
    return f"{len(files)} files"


def dockerfile() -> str:
    run(python_tool("hadolint"), DEPLOY / "images" / "Dockerfile")
    text = (DEPLOY / "images" / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+ AS ([\w-]+)$", text, re.M)
    final = text[text.index("AS base") :]
    found = [
        f"no stage {name}"
        for name in ("base", "api", "worker-cpu", "worker-gpu", "dev")
        if name not in stages
    ]
    found += ["an image that runs as root"] * (final.count("\nUSER 10001:10001") < 3)
    for image in re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.M):
        if ":" not in image or image.endswith(":latest"):
            found.append(f"{image} has no tag")
    for word in ("SECRET", "PASSWORD", "TOKEN", "_KEY"):
        found += [f"{word} in the Dockerfile"] * bool(re.search(rf"^(ARG|ENV) .*{word}", text, re.M))
    return complain(found, f"stages {', '.join(stages)}")


def scripts() -> str:
    files = [DEPLOY / "compose" / "prepare", DEPLOY / "systemd" / "tiro", ROOT / "tools" / "check-deploy"]
    run(python_tool("shellcheck"), *files, ROOT / ".ci" / "run")
    return "shellcheck"


def workflow() -> str:
    path = ROOT / ".github" / "workflows" / "ci.yml"
    run(python_tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path)
    found = [
        f"{uses} is not pinned by commit"
        for uses in re.findall(r"uses: (\S+)", path.read_text())
        if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", uses)
    ]
    return complain(found, "GitHub's schema, actions pinned by commit")
