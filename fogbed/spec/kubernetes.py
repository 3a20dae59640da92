"""What a testbed says of its cluster: Kubernetes, the container runtime, versions, sources."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from fogbed.spec.base import Address, Cidr, Spec
from fogbed.spec.image_names import Image

# kubeadm's v1beta4 configuration, which ours is written in, came with 1.31.
_OLDEST_MINOR = 31
_VERSION = re.compile(r"1\.(\d{1,3})(\.\d{1,3})?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?")
_LAST_PORT = 65535


def _version(text: str) -> str:
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version; write 1.36 or 1.36.3")
    if int(found[1]) < _OLDEST_MINOR:
        raise ValueError(f"{text} is too old; write 1.{_OLDEST_MINOR} or newer")
    return text


def _endpoint(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if colon and _HOST.fullmatch(host) and port.isdigit() and 0 < int(port) <= _LAST_PORT:
        return text
    raise ValueError(f"{text!r} is not HOST:PORT; write one like 192.0.2.1:6443")


def _url(text: str) -> str:
    if _URL.fullmatch(text):
        return text.rstrip("/")
    raise ValueError(f"{text!r} is not an address; write one like https://mirror.lab/debian")


def _key_place(text: str) -> str:
    return text if text.startswith("/") else _url(text)


def _host(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is not a host; write its name or address")


def _any_version(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9.:~+_-]+", text):
        return text
    raise ValueError(f"{text!r} is not a version; write one like 2.3 or v0.28.9")


def _registry(text: str) -> str:
    if re.fullmatch(r"(https?://)?[A-Za-z0-9.\[\]:-]+(/\S*)?", text):
        return text.rstrip("/")
    raise ValueError(f"{text!r} is not a registry; write one like mirror.lab:5000")


KubernetesVersion = Annotated[
    str,
    AfterValidator(_version),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_VERSION.pattern}$", "examples": ["1.36", "1.36.3"]}
    ),
]
Endpoint = Annotated[
    str,
    AfterValidator(_endpoint),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.1:6443"]}),
]
Url = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema({"type": "string", "examples": ["https://mirror.lab/debian"]}),
]
KeyPlace = Annotated[
    str,
    AfterValidator(_key_place),
    WithJsonSchema({"type": "string", "examples": ["https://mirror.lab/Release.key"]}),
]
Registry = Annotated[
    str,
    AfterValidator(_registry),
    WithJsonSchema({"type": "string", "examples": ["mirror.lab:5000", "http://mirror.lab:5000"]}),
]
Host = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema({"type": "string", "examples": ["time.lab", "192.0.2.1"]}),
]
Version = Annotated[
    str,
    AfterValidator(_any_version),
    WithJsonSchema({"type": "string", "examples": ["2.3", "v0.28.9"]}),
]


class Kubernetes(Spec):
    """The cluster on kind and Pis.

    ``version``: a minor (the newest of it at the first install) or a whole version. ``kubelet`` and
    ``kube_proxy`` are keys of KubeletConfiguration and KubeProxyConfiguration, ``etcd`` flags of
    etcd, each over our own. On kind, ``image`` is the nodes' and ``patches`` are texts of kubeadm's
    configuration that kind merges into its own.
    """

    version: KubernetesVersion = "1.36"
    pod_cidr: Cidr = "10.244.0.0/16"
    service_cidr: Cidr = "10.96.0.0/12"
    cni: Literal["flannel"] = "flannel"
    endpoint: Endpoint | None = None
    vip: Address | None = None
    encryption: Literal["RSA-2048", "RSA-3072", "RSA-4096", "ECDSA-P256"] = "RSA-2048"
    cgroup_driver: Literal["systemd", "cgroupfs"] = "systemd"
    ignore_preflight: tuple[str, ...] = ()
    kubelet: dict[str, JsonValue] = Field(default_factory=dict)
    kube_proxy: dict[str, JsonValue] = Field(default_factory=dict)
    etcd: dict[str, str] = Field(default_factory=dict)
    image: Image | None = None
    patches: tuple[str, ...] = ()


class ContainerRuntime(Spec):
    """Where Docker Engine and containerd come from, and what a container may do."""

    docker: Literal["docker-ce", "docker.io", "none"] = "docker-ce"
    restrict_oom_score_adj: bool = False


class Versions(Spec):
    """Other versions than the ones this fogbed comes with; a beginning means the newest such."""

    containerd: Version | None = None
    docker: Version | None = None
    pause: Version | None = None
    flannel: Version | None = None
    flannel_cni_plugin: Version | None = None
    kube_vip: Version | None = None


class AptSources(Spec):
    """Package repositories; one that is not given is the upstream one, or the node's own."""

    debian: Url | None = None
    debian_security: Url | None = None
    kubernetes: Url | None = None
    docker: Url | None = None


class Keys(Spec):
    """Signing keys of the repositories: an address, or a file on the node."""

    kubernetes: KeyPlace | None = None
    docker: KeyPlace | None = None


class Sources(Spec):
    """Every outside place, so that an air-gapped lab can name its own.

    ``ntp``: time servers; None leaves those of the nodes, an empty list means that there is none.
    """

    apt: AptSources = AptSources()
    keys: Keys = Keys()
    registries: dict[str, Registry] = Field(default_factory=dict)
    ntp: tuple[Host, ...] | None = None


def is_registry_name(name: str) -> bool:
    """Whether images may come from a registry of this name; ``*`` stands for all others."""
    return name == "*" or re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", name) is not None


def host_of(endpoint: str) -> str:
    """Return the host of HOST:PORT."""
    return endpoint.rpartition(":")[0]
