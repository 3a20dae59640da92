"""What a host is, as one table of texts: files, packages, units, the running kernel.

The table has whatever the roles look at or change, so that two equal tables mean that the roles
would find what they found before. Whole folders are taken rather than the files that we know of:
what somebody puts beside them counts as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.host_cluster import ADMIN, MANIFEST, cluster_items
from ansible.module_utils.host_files import digest, read_lines, read_text
from ansible.module_utils.host_kernel import is_there, value_of

# Runs a program and returns what it printed; nothing where there is no such program.
Ask = Callable[[list[str]], str]
Items = Iterator["tuple[str, str]"]

MEMORY = "/var/lib/fogbed"
VOLUMES = "volumes"  # in it: of local-path
MODULES = "/etc/modules-load.d/fogbed.conf"
SYSCTLS = "/etc/sysctl.d/99-zz-fogbed.conf"
FOLDERS = (
    "/etc/NetworkManager/conf.d",
    "/etc/apt",
    "/etc/chrony",
    "/etc/cloud",
    "/etc/cni",
    "/etc/containerd",
    "/etc/docker",
    "/etc/kubernetes",
    "/etc/modules-load.d",
    "/etc/rpi",
    "/etc/sysctl.d",
    "/etc/systemd",
    "/etc/udev/rules.d",
    "/usr/local/sbin",
)
# Of the boot partition not everything: kernels and overlays belong to packages, and there are many.
FILES = (
    "/boot/*.txt",
    "/boot/firmware/*.txt",
    "/boot/firmware/*/*.txt",
    "/etc/crictl.yaml",
    "/etc/default/grub",
    "/etc/default/kubelet",
    "/etc/fstab",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/machine-id",
    "/etc/sysctl.conf",
    "/opt/cni/bin/*",
    "/proc/cmdline",
    "/proc/sys/kernel/hostname",
    # A restarted host is looked at in full: what the kernel was told may be gone.
    "/proc/sys/kernel/random/boot_id",
    "/run/flannel/subnet.env",
    "/run/fogbed/reboot",
    "/sbin/dphys-swapfile",
    "/sys/fs/cgroup/cgroup.controllers",
    "/usr/lib/systemd/system-generators/*",
    "/usr/sbin/iw",
    "/var/lib/kubelet/*.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
)
UNITS = (
    "chrony.service",
    "containerd.service",
    "docker.service",
    "docker.socket",
    "dphys-swapfile.service",
    "fogbed-renew-certificates.timer",
    "kubelet.service",
    "ntpsec.service",
    "openntpd.service",
    "rpi-setup-loop@var-swap.service",
    "rpi-zram-writeback.timer",
    "systemd-journald.service",
    "systemd-timesyncd.service",
    "zram-config.service",
    "zramswap.service",
)
_UNIT = "Id,LoadState,UnitFileState,ActiveState,NeedDaemonReload,DropInPaths"
# Whatever config.txt names as the command line, in any of its sections.
_CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")
_CMDLINE = re.compile(r"^\s*cmdline=(\S+)", re.MULTILINE)
# Bytes: programs are larger, and a card takes seconds to read them. Size and time tell them apart.
_LARGE = 2**20


def host_state(ask: Ask, *, root: str, but: str, nodes: list[str]) -> dict[str, str]:
    """Return the table of this host.

    Args:
        ask: Runs a program.
        root: A folder in place of /, for tests; "" for /.
        but: The file that is not looked at: the one that the table is kept in.
        nodes: Names of the cluster's nodes, asked for on a host that may.
    """
    readers: list[Callable[[], Items]] = [
        lambda: file_items(root, but),
        lambda: package_items(ask, root),
        lambda: unit_items(ask, root),
        lambda: kernel_items(ask, root),
    ]
    if Path(root + ADMIN).exists():
        has_manifest = Path(root + MANIFEST).exists()
        readers.append(lambda: cluster_items(ask, nodes, has_manifest=has_manifest))
    with ThreadPoolExecutor(len(readers)) as pool:
        parts = pool.map(lambda read: list(read()), readers)
    return dict(item for part in parts for item in part)


def file_items(root: str, but: str) -> Items:
    """Yield mode, owner and contents of every file; of what a link leads to as well."""
    for path in sorted(file_names(root) - {but}):
        here = Path(root + path)
        try:
            words = [_seal(here), *([_seal(here.resolve())] if here.is_symlink() else [])]
        except OSError:  # gone while we looked
            continue
        yield f"file {path}", " ".join(words)


def _seal(path: Path) -> str:
    about = path.lstat()
    large = about.st_size > _LARGE and not path.is_symlink()
    contents = f"{about.st_size} {about.st_mtime_ns}" if large else digest(path)
    return f"{about.st_mode:o} {about.st_uid}:{about.st_gid} {contents}"


def file_names(root: str) -> set[str]:
    """Return the files that are there, those that were changed once with them, from the root."""
    base, before = Path(root or "/"), Path(f"{root}{MEMORY}/before")
    kept = {f"/{path.relative_to(before / 'files')}" for path in before.glob("files/**/*")}
    absent = {path for path in read_lines(before / "absent") if not path.endswith("/")}
    # what pods write into volumes is none of a run's doing, and there may be a lot of it
    ours = [each for each in base.glob(f"{MEMORY[1:]}/*") if each.name != VOLUMES]
    ours_within = (f"/{each.relative_to(base)}/**/*" for each in ours)
    folders = (*(f"{folder}/**/*" for folder in FOLDERS), *ours_within)
    found = {path for each in (*FILES, *folders, *_named(root)) for path in base.glob(each[1:])}
    found |= {*ours, *(Path(root + path) for path in kept | absent)}
    there = {path for path in found if path.is_symlink() or (path.exists() and not path.is_dir())}
    return {f"/{path.relative_to(base)}" for path in there}


def _named(root: str) -> set[str]:
    """Return where the command line may be that a config.txt names."""
    texts = [read_text(Path(root + path)) for path in _CONFIGS]
    names = {name for text in texts for name in _CMDLINE.findall(text)}
    return {f"/boot/firmware/{folder}{name}" for folder in ("", "*/") for name in names}


def package_items(ask: Ask, root: str) -> Items:
    """Yield version and state (a hold is one) of every package, and what dpkg was killed at."""
    form = "${Package}:${Architecture}\t${db:Status-Abbrev}\t${Version}\n"
    for line in ask(["dpkg-query", "-W", "-f", form]).splitlines():
        name, *rest = line.split("\t")
        yield f"package {name}", " ".join(rest)
    torn = [path for path in Path(f"{root}/var/lib/dpkg/updates").glob("*") if path.name.isdigit()]
    yield "packages half done", str(len(torn))


def unit_items(ask: Ask, root: str) -> Items:
    """Yield how each unit is: enabled or not, running or not, with which additions."""
    names = {*UNITS, *_swap_units(ask)}
    names |= {line.split()[0] for line in read_lines(Path(f"{root}{MEMORY}/before/units"))}
    for block in ask(["systemctl", "show", "-p", _UNIT, *sorted(names)]).split("\n\n"):
        shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in shown:
            yield f"unit {shown.pop('Id')}", " ".join(shown[key] for key in sorted(shown))


def _swap_units(ask: Ask) -> set[str]:
    common = ["--type=swap", "--no-legend", "--no-pager", "--plain"]
    listings = [ask(["systemctl", verb, *common]) for verb in ("list-units", "list-unit-files")]
    lines = [line.split() for listing in listings for line in listing.splitlines()]
    return {words[0] for words in lines if words}


def kernel_items(ask: Ask, root: str) -> Items:
    """Yield what the running kernel was told, and what changes with the clock and the network."""
    for name in _lines(root, MODULES):
        yield f"module {name}", str(is_there(name))
    for name in (line.partition("=")[0].strip() for line in _lines(root, SYSCTLS)):
        yield f"sysctl {name}", str(value_of(name))
    for line in read_lines(Path(f"{root}/proc/swaps"))[1:]:
        yield f"swap {line.split()[0]}", "on"
    for line in ask(["iptables", "-w", "5", "-S", "FORWARD"]).splitlines():
        if line.startswith("-P"):
            yield "packet filter", line
    if not ask(["systemd-detect-virt", "--container"]):  # a container's clock is its host's
        yield "clock", ask(["timedatectl", "show", "--property=NTPSynchronized"]).strip()
    for link in Path(f"{root}/sys/class/net").glob("*/wireless"):
        name = link.parent.name
        yield f"wi-fi {name}", ask(["iw", "dev", name, "get", "power_save"]).strip()


def _lines(root: str, path: str) -> list[str]:
    return [line for line in read_lines(Path(root + path)) if line and not line.startswith("#")]
