"""What a user may ask of a playbook, before anything is touched."""

from __future__ import annotations

import pytest
import typer

from fogbed import spec
from fogbed.cli import console, pi
from fogbed.errors import UsageError
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookOptions, require_tags

BED = """
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: pi, key: ~/.ssh/id_ed25519}
nodes: [{name: pico-0, address: 192.0.2.1, role: control-plane, tier: cloud}]
"""


def test_a_part_of_the_playbook_may_be_named_and_a_mistyped_one_is_refused_with_all_there_are():
    require_tags("site", ["containerd", "cni", "hosts"])
    require_tags("reset", [])
    with pytest.raises(UsageError, match=r"no part contanierd, nope in site\.yml") as refused:
        require_tags("site", ["cni", "contanierd", "nope"])
    assert "containerd" in refused.value.hint
    assert "always" not in refused.value.hint


@pytest.mark.usefixtures("fresh_home")
@pytest.mark.parametrize("options", [{"limit": ["pico-9"]}, {"tags": ["nope"]}])
def test_what_cannot_be_met_leaves_nothing_behind(options):
    platform = PiPlatform(spec.parse_testbed(BED, "pico.yml"))
    with pytest.raises(UsageError):
        platform.play("site", lambda _: None, options=PlaybookOptions(**options))
    assert not platform.folder.root.exists()


@pytest.mark.usefixtures("fresh_home")
def test_a_rehearsal_leaves_the_inventory_of_what_is_there():
    folder = PiFolder("pico")
    folder.begin(inventory="as it is", spec="...")
    folder.begin(inventory="as it may become", spec=None)
    assert folder.inventory.read_text(encoding="utf-8") == "as it is"
    assert folder.rehearsal.read_text(encoding="utf-8") == "as it may become"


@pytest.mark.usefixtures("fresh_home")
def test_what_opens_the_data_stays_as_long_as_the_data():
    folder = PiFolder("pico")
    folder.begin(inventory="...", spec="...")
    folder.credentials.write_text("{}", encoding="utf-8")
    folder.remove()
    assert list(folder.root.iterdir()) == [folder.credentials]
    folder.remove(keep_credentials=False)
    assert not folder.root.exists()


def test_no_is_an_answer_and_not_an_interruption(monkeypatch, capsys):
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    with pytest.raises(typer.Exit) as end:
        pi.confirm("Remove all this?", yes=False)
    assert end.value.exit_code == 1
    assert capsys.readouterr().err == "nothing was changed\n"
