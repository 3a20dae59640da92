"""The module apt_source with this computer's apt, in a folder that stands for a host.

A repository on the disk, signed with a key made here, stands for Docker's.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from plugins import cases, load

module = load("library/apt_source.py")
keeping = load("library/keep_files.py")
sources = importlib.import_module("ansible.module_utils.apt_sources")

PROGRAMS = ("apt-get", "gpg", "gpgv", "dpkg")
LACKING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"needs {', '.join(LACKING)}")
CASES = cases("apt")
DOCKER = "etc/apt/sources.list.d/docker.list"
STANZA = "Types: deb\nURIs: {uri}\nSuites: bookworm\nComponents: stable\nSigned-By: {key}\n"


def gpg(home, *words, text=None):
    command = ["gpg", "--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback"]
    done = subprocess.run([*command, *words], input=text, capture_output=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The folder of a signed repository, with its key and another one."""
    top = tmp_path_factory.mktemp("repository")
    home = top / "gnupg"
    home.mkdir(mode=0o700)
    for name in ("right", "wrong"):
        gpg(home, "--passphrase", "", "--quick-generate-key", name, "ed25519")
        (top / f"{name}.asc").write_bytes(gpg(home, "--armor", "--export", name))
    suite = top / "dists/bookworm"
    packages = suite / "stable/binary-amd64/Packages"
    packages.parent.mkdir(parents=True)
    packages.write_text(
        "Package: fogbed-test\nVersion: 1\nArchitecture: all\nFilename: a.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\n",
        encoding="utf-8",
    )
    digest = hashlib.sha256(packages.read_bytes()).hexdigest()
    release = (
        "Suite: bookworm\nCodename: bookworm\nComponents: stable\nArchitectures: amd64\n"
        "Date: Sat, 01 Nov 2025 00:00:00 UTC\n"
        f"SHA256:\n {digest} {packages.stat().st_size} stable/binary-amd64/Packages\n"
    )
    signed = gpg(home, "--local-user", "right", "--clearsign", text=release.encode())
    (suite / "InRelease").write_bytes(signed)
    yield top
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


class Host:
    """A folder that apt takes for a host."""

    def __init__(self, root, repository):
        self.root, self.repository = root, repository
        self.uri = f"file:{repository}"
        folders = ["etc/apt/sources.list.d", "etc/apt/keyrings", "etc/apt/apt.conf.d"]
        folders += ["etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/dpkg"]
        folders += ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial"]
        for folder in folders:
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        # the tests' folders are not open to apt's own user; this computer may be any
        settings = (
            'APT::Sandbox::User "root"; APT::Architecture "amd64"; APT::Architectures "amd64";'
        )
        (root / "etc/apt/apt.conf.d/00test").write_text(settings, encoding="utf-8")

    def write(self, path, text):
        (self.root / path).write_bytes(text.encode())

    def apt(self, *words):
        """Run apt-get with this computer's settings left out, and return its code and words."""
        command = ["apt-get", "-q", "-o", f"Dir={self.root}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, capsys, **more):
        """Run the module and return its answer."""
        want = {"name": "fogbed-docker", "uri": self.uri, "suite": "bookworm"}
        want |= {"components": ["stable"], "key": f"file://{self.repository}/right.asc"}
        want |= {"root": str(self.root), "timeout": 30} | more
        # Ansible would have made its folder in /tmp, and a killed test left it there
        (remote := self.root.with_name("remote")).mkdir(exist_ok=True)
        want["_ansible_remote_tmp"] = str(remote)
        with patch_module_args(want), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    def purge(self, capsys):
        """Do what a purge does, in its order; apt has to be able to read its sources all along."""
        assert not self.run(capsys, state="absent").get("failed")
        assert self.apt("update")[0] == 0
        wanted = {"state": "restored", "everything": True, "root": f"{self.root}/"}
        with patch_module_args(wanted), pytest.raises(SystemExit):
            keeping.main()
        return json.loads(capsys.readouterr().out)

    def offers(self):
        """Whether apt could install from the repository."""
        command = ["apt-cache", "-o", f"Dir={self.root}", "madison", "fogbed-test"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def sources(self):
        top = self.root / "etc/apt"
        files = [*top.glob("sources.list"), *top.glob("sources.list.d/*")]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


@pytest.fixture
def host(tmp_path, repository):
    return Host(tmp_path / "host", repository)


def test_a_bare_host_gets_our_source_once(host, capsys):
    first = host.run(capsys)
    assert first["changed"], first
    assert host.apt("update")[0] == 0
    assert "fogbed-test" in host.offers()
    assert host.run(capsys)["changed"] is False
    host.purge(capsys)
    assert host.sources() == {}


def test_what_serves_is_used_and_stays_to_the_byte(host, capsys):
    host.write(DOCKER, f"deb [signed-by={host.repository}/right.asc] {host.uri} bookworm stable\n")
    before = host.sources()
    said = host.run(capsys)
    assert said["used"] == f"{host.root}/{DOCKER}"
    assert host.sources() == before
    assert host.apt("update")[0] == 0
    assert "fogbed-test" in host.offers()
    assert host.run(capsys)["changed"] is False
    host.purge(capsys)
    assert host.sources() == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("docker.list", "deb [signed-by={top}/wrong.asc] {uri} bookworm stable\n# mine\n"),
        ("docker.list", "deb [trusted=yes] {uri}/ bookworm stable"),
        ("docker.list", "deb-src [signed-by={top}/right.asc] {uri} bookworm stable\r\n"),
        ("a.sources", STANZA.replace("{key}", "{top}/none.asc")),
        ("z.sources", f"{STANZA.replace('{key}', '{top}/wrong.asc')}\n# end\n"),
    ],
)
def test_what_does_not_serve_is_set_aside_and_given_back(host, capsys, file, text):
    filled = text.format(top=host.repository, uri=host.uri)
    host.write(f"etc/apt/sources.list.d/{file}", filled)
    before = host.sources()
    said = host.run(capsys)
    assert len(said.get("notes", [])) == 1, said
    code, words = host.apt("update")
    assert code == 0, words
    assert "E:" not in words
    assert "fogbed-test" in host.offers()
    assert host.run(capsys)["changed"] is False
    host.purge(capsys)
    assert host.sources() == before


def test_a_source_that_comes_after_ours_takes_its_place(host, capsys):
    host.run(capsys)
    host.write(DOCKER, f"deb [signed-by={host.repository}/right.asc] {host.uri} bookworm stable\n")
    assert host.apt("update")[0] == 100
    assert host.run(capsys)["used"] == f"{host.root}/{DOCKER}"
    assert list(host.sources()) == [DOCKER]
    assert host.apt("update")[0] == 0


@pytest.mark.parametrize("wrong", [{"key": "right.asc"}, {"uri": "nowhere"}, {"suite": "sid"}])
def test_a_failure_leaves_apt_as_it_was(host, capsys, repository, wrong):
    host.write(DOCKER, f"deb [signed-by={repository}/wrong.asc] {host.uri} sid stable\n")
    before = host.sources()
    more = {name: f"file:{repository}/{value}" for name, value in wrong.items() if name != "suite"}
    more |= {"key": f"file://{repository}/wrong.asc"} if "key" in wrong else {}
    more |= {"suite": "sid"} if "suite" in wrong else {}
    said = host.run(capsys, **more)
    assert said["failed"]
    assert host.sources() == before
    assert host.apt("indextargets")[0] == 0


def test_ours_that_an_earlier_release_left_in_conflict_goes_even_if_nothing_can_be_fetched(
    host, capsys
):
    host.write(DOCKER, f"deb [signed-by=/a.asc] {host.uri}/gone bookworm stable\n")
    ours = STANZA.format(uri=f"{host.uri}/gone", key="/b.asc")
    host.write("etc/apt/sources.list.d/fogbed-docker.sources", ours)
    assert host.apt("indextargets")[0] == 100
    assert host.run(capsys, uri=f"{host.uri}/gone")["failed"]
    assert list(host.sources()) == [DOCKER]
    assert host.apt("indextargets")[0] == 0


def test_sources_that_were_broken_before_are_told_and_left(host, capsys):
    host.write(DOCKER, "deb [signed-by=/a.asc] http://a.example/ one main\n")
    host.write("etc/apt/sources.list", "deb [signed-by=/b.asc] http://a.example/ one main\n")
    before = host.sources()
    said = host.run(capsys)
    assert "Conflicting values set for option Signed-By" in said["msg"]
    assert "They were left as they are" in said["msg"]
    assert host.sources() == before


def test_a_repository_of_somebody_elses_that_is_gone_does_not_matter(host, capsys):
    host.write(DOCKER, "deb [trusted=yes] file:/nowhere ./\n")
    assert host.run(capsys)["changed"]
    assert "fogbed-test" in host.offers()


@pytest.mark.parametrize("step", range(8))
def test_apt_can_read_its_sources_whenever_the_run_is_killed(host, capsys, monkeypatch, step):
    host.write(DOCKER, f"deb [signed-by={host.repository}/wrong.asc] {host.uri} bookworm stable\n")
    before = host.sources()
    steps = iter(range(step))
    wrapped = {}

    class Killed(BaseException):
        """The power goes."""

    def cut(name, real):
        def counted(*words, **more):
            if next(steps, None) is None:
                raise Killed
            return real(*words, **more)

        wrapped[name] = counted
        return counted

    folder, files = module.AptFolder, load("module_utils/host_files.py")
    place = folder.write.__globals__
    monkeypatch.setitem(place, "write_bytes", cut("others", place["write_bytes"]))
    monkeypatch.setattr(module, "write_bytes", cut("keys", files.write_bytes))
    monkeypatch.setattr(module, "write_text", cut("stamp", files.write_text))
    monkeypatch.setattr(place["Store"], "keep", cut("keep", place["Store"].keep))
    try:
        host.run(capsys)
    except Killed:
        capsys.readouterr()
    assert set(wrapped) == {"others", "keys", "stamp", "keep"}
    code, words = host.apt("indextargets")
    assert code == 0, words
    monkeypatch.undo()
    assert not host.run(capsys).get("failed")
    assert "fogbed-test" in host.offers()
    host.purge(capsys)
    assert host.sources() == before


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_apt_itself_reads_a_case_as_we_do(host, case):
    want, parts, file = case["repository"], "etc/apt/sources.list.d", case["file"]
    place = "etc/apt/sources.list" if file == "sources.list" else f"{parts}/{file}"
    words = " ".join([want["uri"], want["suite"], *want["components"]])
    host.write(f"{parts}/m.list", f"deb [signed-by=/ours.asc] {words}\n")
    host.write(place, case["text"])
    said = host.apt("indextargets")[1]
    # one without a key is no conflict for apt if it comes before ours
    assert "Conflicting values" not in said or case["named"], said
    if "signed-by" in case["text"].lower() and case["named"]:
        assert "Conflicting values" in said, said
    after = sources.without(file, case["text"], want["uri"], want["suite"], "amd64")
    host.write(place, after)
    code, said = host.apt("indextargets")
    assert code == 0, said
    assert "multiple times" not in said or not case["named"], said
