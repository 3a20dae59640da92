"""The playbooks' filters and modules, loaded from where they lie; and the cases beside them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import ansible.module_utils
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
PLAYBOOKS = ROOT / "playbooks"
# as ansible.cfg has Ansible do it on a host
ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))


def load(relative):
    path = PLAYBOOKS / relative
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(folder):
    found = sorted((ROOT / "tests/cases" / folder).glob("*.yml"))
    return {path.stem: YAML(typ="safe").load(path) for path in found}
