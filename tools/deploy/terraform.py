"""Checks of deploy/terraform."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.deploy.checks import DEPLOY, Failed, Skipped, complain, python_tool, run, system_tool

FOLDER = DEPLOY / "terraform"


def syntax() -> str:
    files = sorted(FOLDER.glob("*.tf"))
    with TemporaryDirectory() as folder:
        run(python_tool("hcl2tojson"), "-q", "-o", folder, *files)
    return f"{len(files)} files of HCL"


def references() -> str:
    """Whatever is named is declared, and whatever is declared as a variable is used."""
    text = "\n".join(re.sub(r"(?m)(^|\s)#.*$", "", path.read_text()) for path in FOLDER.glob("*.tf"))
    declared = {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M)}
    variables = set(re.findall(r'^variable "(\w+)"', text, re.M))
    locals_ = set(
        re.findall(r"^  (\w+)\s+= ", "".join(re.findall(r"^locals \{(.*?)^\}", text, re.M | re.S)), re.M)
    )
    used = set(re.findall(r"\b((?:google|random)_\w+\.[a-z]\w*)\b", text))
    found = [f"{name} is not declared" for name in sorted(used - declared)]
    asked = set(re.findall(r"\bvar\.(\w+)", text))
    found += [f"there is no variable {name}" for name in asked - variables]
    found += [f"nobody asks for the variable {name}" for name in variables - asked]
    found += [f"there is no local {name}" for name in set(re.findall(r"\blocal\.(\w+)", text)) - locals_]
    found += ["a backend is named"] * bool(re.search(r"^\s*backend \"", text, re.M))
    return complain(found, f"{len(declared)} resources, {len(variables)} variables")


def validate() -> str:
    terraform = system_tool("terraform", "terraform.io")
    run(terraform, "fmt", "-check", "-recursive", FOLDER)
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(FOLDER, Path(folder) / "tf", ignore=shutil.ignore_patterns(".terraform")))
        try:
            run(terraform, "init", "-backend=false", "-input=false", cwd=copy, seconds=180)
        except Failed as err:
            raise Skipped(
                "formatted as it should be; its providers cannot be fetched here, so not validated"
            ) from err
        run(terraform, "validate", cwd=copy)
    return "terraform fmt, init, validate"
