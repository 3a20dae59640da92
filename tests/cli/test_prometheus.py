"""A testbed that asks for Prometheus on a computer that has none, or an old one."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.platforms.local.folder import TestbedFolder

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: watched
platform: local
nodes: [{name: cloud-1, tier: cloud, role: control-plane}]
services: {prometheus: {enabled: true}}
"""


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.usefixtures("fresh_home")
def test_up_says_so_before_anything_is_touched(tmp_path, monkeypatch, capsys, options):
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "testbed.yml"
    file.write_text(TESTBED, encoding="utf-8")
    assert main(["up", "-t", str(file), *options]) == 2
    assert capsys.readouterr().err == (
        "error: testbed watched asks for Prometheus, and there is no program prometheus here\n"
        "hint: sudo apt install prometheus, or write services: {prometheus: {enabled: false}}\n"
    )
    assert not TestbedFolder("watched").root.exists()
