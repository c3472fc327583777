"""What the checks share: where things are, tools that may be missing, and how a check ends."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
_TOOLS = ROOT / ".tools" / "deploy" / "bin"


class Failed(Exception):
    """The check found something; the message says what."""


class Skipped(Exception):
    """The check could not be made; the message says why."""


def run(*command: str | Path, cwd: Path = ROOT, seconds: float = 120) -> str:
    """Standard output. Raises Failed with all that the command said where it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise Failed(f"{command[0]} did not end within {seconds:.0f} s") from err
    if done.returncode != 0:
        raise Failed(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def python_tool(name: str) -> Path:
    """A checker from PyPI, which `make check-deploy` installs into .tools/deploy."""
    path = _TOOLS / name
    if not path.exists():
        raise Skipped(f"{name} could not be installed from requirements-deploy.lock")
    return path


def system_tool(name: str, package: str) -> str:
    """A checker that the system has or has not."""
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin") or shutil.which(name)
    if path is None:
        raise Skipped(f"no {name} here; {package} has it")
    return path


def documents(path: Path) -> list[dict[str, Any]]:
    """All documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


@cache
def setting_names() -> frozenset[str]:
    """All TIRO_* variables there are."""
    from tiro.settings import Settings

    names = set()
    for name, field in Settings.model_fields.items():
        nested = getattr(field.annotation, "model_fields", None)
        names |= (
            {f"TIRO_{name}".upper()} if nested is None else {f"TIRO_{name}_{key}".upper() for key in nested}
        )
    return frozenset(names)


@cache
def command_names() -> frozenset[str]:
    """All commands of `tiro`, those of groups with the group's name before."""
    from typer.main import get_command

    from tiro.cli.main import app

    names = set()
    for name, command in getattr(get_command(app), "commands", {}).items():
        names |= {name} | {f"{name} {child}" for child in getattr(command, "commands", {})}
    return frozenset(names)


def unknown_settings(names: set[str]) -> set[str]:
    """Those of them that Tiro would ignore."""
    return {name for name in names if name.startswith("TIRO_")} - setting_names()


def is_command(words: list[str]) -> bool:
    return bool(words) and (words[0] in command_names() or " ".join(words[:2]) in command_names())


def complain(found: list[str], passed: str) -> str:
    """`passed` where nothing was found."""
    if found:
        raise Failed("\n".join(f"  {line}" for line in found))
    return passed
