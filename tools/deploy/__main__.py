"""Runs all checks, and says of each whether it passed, failed, or was left out and why.

usage: python -m tools.deploy [--strict]   with --strict, what is left out counts as failed
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tools.deploy import compose, documents, kubernetes, monitoring, nginx, terraform
from tools.deploy.checks import Failed, Skipped

CHECKS: list[Callable[[], str]] = [
    documents.yaml_is_tidy,
    documents.dockerfile,
    documents.scripts,
    documents.workflow,
    compose.schema,
    compose.references,
    compose.prepare,
    compose.redis,
    nginx.syntax,
    nginx.trial,
    monitoring.configuration,
    monitoring.alerts,
    monitoring.alertmanager,
    monitoring.dashboards,
    kubernetes.manifests,
    kubernetes.overlays,
    kubernetes.references,
    terraform.syntax,
    terraform.references,
    terraform.validate,
]


def main() -> int:
    strict = "--strict" in sys.argv[1:]
    failed = skipped = 0
    for check in CHECKS:
        name = f"{check.__module__.rpartition('.')[2]}: {check.__name__.replace('_', ' ')}"
        began = time.monotonic()
        try:
            said = check()
        except Skipped as reason:
            skipped += 1
            print(f"LEFT OUT  {name}: {reason}", flush=True)
        except Failed as reason:
            failed += 1
            print(f"FAILED    {name}\n{reason}", flush=True)
        else:
            print(f"ok        {name}: {said} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(CHECKS) - failed - skipped} passed, {failed} failed, {skipped} left out")
    return 1 if failed or (strict and skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
