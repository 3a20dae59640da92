"""What kind and the engine say where no cluster comes to be: what it means, and a way out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row: ``pattern`` in what was heard; {engine} and {image} are filled in.

    ``in_logs``: it means the same in the log of a node, where much is told that does no harm.
    """

    pattern: str
    meaning: str
    way_out: str
    in_logs: bool = False


# The first that fits: what is sure stands before what may be meant.
_TABLE = (
    Refusal(
        r"(?i)permission denied.*(docker|podman|daemon).*(sock|api)"
        r"|dial unix \S+: connect: permission",
        "you may not speak with {engine}: its socket is closed to you",
        "sudo usermod -aG docker $USER, then log in again",
    ),
    Refusal(
        r"(?i)cannot connect to the docker daemon|is the docker daemon running"
        r"|cannot connect to podman|failed to connect to the docker API|connection refused.*docker",
        "{engine} is installed, and its daemon does not answer",
        "start it: sudo systemctl start docker (or Docker Desktop); {engine} info shows when it "
        "answers. Is DOCKER_HOST set, and right?",
    ),
    Refusal(
        r"(?i)too many open files",
        "the kernel's limit of inotify instances is too low for the nodes of another cluster",
        "sudo sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=1048576 (to "
        "keep it: a line each in /etc/sysctl.d/kind.conf), or take another cluster down",
        in_logs=True,
    ),
    Refusal(
        r"(?i)no space left on device|disk quota exceeded",
        "the disk of {engine} is full",
        "{engine} system df shows what takes it, {engine} system prune frees what is unused",
        in_logs=True,
    ),
    Refusal(
        r"(?i)port is already allocated|address already in use|failed to bind (host )?port",
        "another program has the port on 127.0.0.1 that the cluster's API server is reached at",
        "ss -ltnp shows which; end it, or fogbed down and up: a new cluster takes another port",
    ),
    Refusal(
        r"(?i)toomanyrequests|too many requests|pull rate limit",
        "the registry of the node image {image} gives this computer no more images for some hours",
        "{engine} login raises Docker Hub's limit; a lab's own image or mirror: kubernetes.image, "
        "or KIND_NODE_IMAGE",
    ),
    Refusal(
        r"(?i)pull access denied|manifest (for \S+ )?(not found|unknown)|repository does not exist"
        r"|not found: manifest|invalid reference format",
        "there is no node image {image}",
        "write another one at kubernetes.image (kind's releases list theirs, with digest), or "
        "leave it out for kind's own",
    ),
    Refusal(
        r"(?i)failed to pull image|failed to do request|TLS handshake|no such host"
        r"|temporary failure in name resolution|i/o timeout|net/http: request canceled",
        "the node image {image} cannot be fetched from its registry",
        "is this computer on the network? {engine} pull {image} by hand shows more; a lab's own: "
        "kubernetes.image, or KIND_NODE_IMAGE",
    ),
    Refusal(
        r"(?i)address pools have been fully subnetted|could not find an available.*network",
        "{engine} has no address range left for another network",
        "{engine} network prune removes those that nothing uses",
    ),
    Refusal(
        r"(?i)rootless provider requires",
        "{engine} without root cannot carry a cluster on this computer",
        "https://kind.sigs.k8s.io/docs/user/rootless/ says what it needs, or use {engine} as root",
    ),
    Refusal(
        r"(?i)configured to not run on a host using cgroup v1",
        "this computer has cgroup v1, which the kubelet of this node image refuses",
        "boot with systemd.unified_cgroup_hierarchy=1, or write kubernetes: "
        "{{kubelet: {{failCgroupV1: false}}}}",
        in_logs=True,
    ),
    Refusal(
        r"(?i)unable to (decode|apply|parse) .*(patch|config)|failed to (patch|generate) .*config"
        r"|invalid (kubeadm )?config|error unmarshaling|strict decoding",
        "kind or kubeadm does not take the configuration",
        "is kubernetes.patches (kubelet, kube_proxy) right for this Kubernetes?",
    ),
    Refusal(
        r"(?i)node\(s\) already exist for a cluster",
        "another kind cluster of this name came up meanwhile",
        "give the same command again",
    ),
    Refusal(
        r"(?i)unknown provider|failed to detect any supported node provider",
        "kind finds no container engine",
        "sudo apt install docker.io (or Docker Desktop, or podman), then fogbed up again",
    ),
    Refusal(
        r"(?i)out of memory|oom-?kill|cannot allocate memory",
        "this computer has too little memory free for the nodes",
        "end other programs, or take nodes out of the testbed",
        in_logs=True,
    ),
)


def explain(heard: str, *, engine: str, image: str, logs: str = "") -> tuple[str, str] | None:
    """Return what was heard in our words, and the way out; None where it is unknown.

    ``heard``: what kind or the engine said; ``logs``: what the nodes did.
    """
    row = next((row for row in _TABLE if re.search(row.pattern, heard)), None)
    if row is None:
        row = next((row for row in _TABLE if row.in_logs and re.search(row.pattern, logs)), None)
    if row is None:
        return None
    return (
        row.meaning.format(engine=engine, image=image),
        row.way_out.format(engine=engine, image=image),
    )
