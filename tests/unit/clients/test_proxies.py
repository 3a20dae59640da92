"""Which proxy is on the way, as Go's programs read the environment."""

from __future__ import annotations

import pytest

from fogbed.clients.proxies import proxy_for

PROXY = {"HTTPS_PROXY": "http://p:3128"}


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("api.example.org", "", False),
        ("127.0.0.1", "", True),
        ("localhost", "", True),
        ("::1", "", True),
        ("api.example.org", "example.org", True),
        ("api.example.org", ".example.org", True),
        ("api.example.org", "*.example.org", True),
        ("API.example.org", "api.EXAMPLE.org", True),
        ("api.example.org", "example.org:443", False),
        ("api.example.org", "example.org:6443", True),
        ("badexample.org", "example.org", False),
        ("10.1.2.3", "other, 10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("api.example.org", "*", True),
    ],
)
def test_who_is_reached_directly(host, no_proxy, is_direct):
    found = proxy_for("https", host, 6443, {**PROXY, "NO_PROXY": no_proxy})
    assert found == ("" if is_direct else "http://p:3128")


def test_the_scheme_chooses_and_http_is_meant_where_none_is_said():
    environment = {"https_proxy": "p:1", "HTTP_PROXY": "http://q:2"}
    assert proxy_for("https", "h", 443, environment) == "http://p:1"
    assert proxy_for("http", "h", 80, environment) == "http://q:2"
    assert proxy_for("https", "h", 443, {}) == ""
