"""Checks of deploy/kubernetes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from tools.deploy.checks import (
    DEPLOY,
    Failed,
    complain,
    documents,
    is_command,
    python_tool,
    run,
    system_tool,
    unknown_settings,
)

FOLDER = DEPLOY / "kubernetes"
OWN_KINDS = {"Kustomization", "Component"}
"""Kustomize's own, which no cluster sees."""
# Those of operators and of Google: their schemas are not part of Kubernetes.
FOREIGN = {
    "ScaledObject",
    "Gateway",
    "HTTPRoute",
    "GCPBackendPolicy",
    "HealthCheckPolicy",
    "SecretStore",
    "ExternalSecret",
}


def manifests() -> str:
    """Each file's objects against the schemas of Kubernetes."""
    objects = [one for path in sorted(FOLDER.rglob("*.yaml")) for one in documents(path)]
    return _validate([one for one in objects if one["kind"] not in OWN_KINDS])


def overlays() -> str:
    """What kustomize makes of each overlay, with and without Google's component."""
    kubectl = system_tool("kubectl", "kubernetes.io")
    rendered: list[dict[str, Any]] = []
    for overlay in ("cpu", "gpu"):
        for component in ("", "components: [../../components/google]\n"):
            with TemporaryDirectory() as folder:
                path = Path(shutil.copytree(FOLDER, Path(folder) / "k")) / "overlays" / overlay
                with (path / "kustomization.yaml").open("a") as file:
                    file.write(component)
                objects = [one for one in yaml.safe_load_all(run(kubectl, "kustomize", path)) if one]
            complain(list(_among_each_other(objects)), "")
            rendered += objects
    return f"cpu and gpu, alone and with google: {_validate(rendered)}"


def _validate(objects: list[dict[str, Any]]) -> str:
    known = [one for one in objects if one["kind"] not in FOREIGN]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "objects.yaml"
        path.write_text(yaml.safe_dump_all(known))
        run(python_tool("kubernetes-validate"), "--strict", "--quiet", "-k", "1.32", path)
    foreign = len(objects) - len(known)
    return f"{len(known)} objects" + (f", and {foreign} of kinds without a schema here" if foreign else "")


def references() -> str:
    """Selectors, names, settings and commands, and that no pod may do more than it must."""
    objects = [one for path in sorted(FOLDER.rglob("*.yaml")) for one in documents(path)]
    found = []
    for one in objects:
        if one["kind"] in {"Deployment", "Job"}:
            found += list(_pod(one["metadata"]["name"], one["kind"], one["spec"]["template"]))
        for generated in one.get("configMapGenerator", []):
            names = {literal.partition("=")[0] for literal in generated["literals"]}
            found += [f"there is no setting {name}" for name in unknown_settings(names)]
    return complain(found, f"{len(objects)} objects")


def _pod(name: str, kind: str, template: dict[str, Any]) -> Iterator[str]:
    pod = template["spec"]
    if not pod["securityContext"].get("runAsNonRoot") or pod.get("automountServiceAccountToken") is not False:
        yield f"{name}: runs as root, or holds a token of the cluster"
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        may = container["securityContext"]
        if not may.get("readOnlyRootFilesystem") or may.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: {container['name']} may write to its root or has capabilities"
        if "memory" not in container["resources"]["limits"]:
            yield f"{name}: {container['name']} has no limit of memory"
        missing = {mount["name"] for mount in container["volumeMounts"]} - volumes
        yield from (f"{name}: no volume {volume}" for volume in missing)
        if "args" in container and not is_command(container["args"]):
            yield f"{name}: there is no command tiro {' '.join(container['args'])}"
        if kind == "Deployment" and container in pod["containers"] and "livenessProbe" not in container:
            yield f"{name}: no probe"


def _among_each_other(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Each selector finds a pod, each name an object."""
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in objects
        if one["kind"] in {"Deployment", "Job"}
    }
    labels = [template["metadata"]["labels"] for template in pods.values()]
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        selector = one["spec"].get("selector") or one["spec"].get("podSelector") if "spec" in one else None
        if one["kind"] in {"Service", "PodDisruptionBudget", "Deployment", "NetworkPolicy"} and selector:
            wanted = selector.get("matchLabels", selector) if one["kind"] != "Service" else selector
            if not any(wanted.items() <= has.items() for has in labels):
                yield f"{name} selects nothing"
        target = one.get("spec", {}).get("scaleTargetRef", {}).get("name")
        if target is not None and ("Deployment", target) not in names:
            yield f"{name} scales {target}, which there is not"
    for name, template in pods.items():
        for container in template["spec"]["containers"]:
            for source in container.get("envFrom", []):
                reference = source.get("configMapRef", {}).get("name")
                if reference is not None and ("ConfigMap", reference) not in names:
                    yield f"{name}: no ConfigMap {reference}"
        account = template["spec"].get("serviceAccountName")
        if ("ServiceAccount", account) not in names:
            yield f"{name}: no ServiceAccount {account}"
    if not objects:
        raise Failed("kustomize made nothing")
