"""Where an image is asked for, as containerd does it."""

from __future__ import annotations

import pytest

from fogbed.plan.image_sources import sources_of
from fogbed.spec.image_names import split_name

HUB, QUAY = "https://registry-1.docker.io", "https://quay.io"


@pytest.mark.parametrize(
    ("name", "mirrors", "wanted"),
    [
        ("flink:2", {}, (HUB,)),
        ("quay.io/a/b:1", {}, (QUAY,)),
        ("flink:2", {"docker.io": "http://mirror.lab:5000/"}, ("http://mirror.lab:5000", HUB)),
        ("flink:2", {"docker.io": "mirror.lab"}, ("https://mirror.lab", HUB)),
        ("quay.io/a/b:1", {"docker.io": "mirror.lab"}, (QUAY,)),
        ("quay.io/a/b:1", {"*": "all.lab", "docker.io": "hub.lab"}, ("https://all.lab", QUAY)),
        ("flink:2", {"*": "all.lab", "docker.io": "hub.lab"}, ("https://hub.lab", HUB)),
        # on a cluster of somebody else's, the name itself leads to the mirror
        ("mirror.lab:5000/a/b:1", {"*": "http://mirror.lab:5000"}, ("http://mirror.lab:5000",)),
    ],
)
def test_the_mirror_is_asked_before_the_registry(name, mirrors, wanted):
    assert sources_of(split_name(name), mirrors) == wanted
