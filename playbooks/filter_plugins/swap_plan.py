"""How a host swaps, and what turns that off for good: text in, plan out.

Swap comes back at a reboot from whoever set it up: dphys-swapfile (Raspberry Pi OS bookworm),
rpi-swap (trixie: a generator of units for zram, a file, or both), zram-generator, zram-tools,
/etc/fstab, swap units, or swap partitions that systemd finds by itself. `swapoff -a` alone lasts
until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

DPHYS = "/sbin/dphys-swapfile"
RPI = "/usr/lib/systemd/system-generators/rpi-swap-generator"
ZRAM = "/usr/lib/systemd/system-generators/zram-generator"
RPI_DROP_INS = "/etc/rpi/swap.conf.d"
ZRAM_CONFIG = "/etc/systemd/zram-generator.conf"
FSTAB_MARK = "# fogbed turned this off: "
SERVICES = ("dphys-swapfile.service", "zramswap.service", "zram-config.service")
# Made by rpi-swap's generator; a daemon-reload after the configuration changed does not stop them.
RPI_UNITS = ("rpi-zram-writeback.timer", "rpi-setup-loop@var-swap.service")
RPI_TEXT = "# Written by fogbed: kubelet does not run with swap.\n[Main]\nMechanism=none\n"
ZRAM_TEXT = "# Written by fogbed: without a device, for kubelet does not run with swap.\n"


def fstab_without_swap(text: str) -> str:
    """An fstab whose lines for swap are comments."""
    return "".join(
        f"{FSTAB_MARK}{line}" if _is_swap(line) else line for line in text.splitlines(keepends=True)
    )


def _is_swap(line: str) -> bool:
    fields = line.split()
    return len(fields) > 2 and not fields[0].startswith("#") and fields[2] == "swap"  # noqa: PLR2004


def swap_devices(swaps: str | None) -> list[str]:
    """What /proc/swaps lists."""
    return [line.split()[0] for line in (swaps or "").splitlines()[1:] if line.strip()]


def _setting(text: str, key: str) -> str:
    lines = (line.strip().replace(" ", "") for line in text.splitlines())
    return next((x.partition("=")[2] for x in lines if x.startswith(f"{key}=")), "")


def rpi_drop_in(texts: Mapping[str, str | None]) -> str:
    """The drop-in that has the last word: 90-fogbed.conf, or a later name if others are later."""
    later = [
        path.rpartition("/")[2]
        for path, text in texts.items()
        if path.startswith(f"{RPI_DROP_INS}/")
        and "fogbed" not in path
        and path.rpartition("/")[2] > "90-fogbed.conf"
        and _setting(text or "", "Mechanism") not in ("", "none")
    ]
    return f"{RPI_DROP_INS}/{f'{max(later)[:-5]}-fogbed.conf' if later else '90-fogbed.conf'}"


def swap_writes(texts: Mapping[str, str | None]) -> dict[str, str]:
    """The files that are to change, with their new texts."""
    wanted = {}
    if texts.get(RPI) is not None:
        wanted[rpi_drop_in(texts)] = RPI_TEXT
    elif texts.get(ZRAM) is not None:
        # rpi-swap steers zram-generator itself, by the drop-in above.
        wanted[ZRAM_CONFIG] = ZRAM_TEXT
    fstab = texts.get("/etc/fstab")
    if fstab is not None:
        wanted["/etc/fstab"] = fstab_without_swap(fstab)
    return {path: text for path, text in wanted.items() if texts.get(path) != text}


def swap_files(texts: Mapping[str, str | None]) -> list[str]:
    """The files that hold nothing but swap and are made anew when their maker runs again."""
    made = texts.get(DPHYS) is not None or texts.get(RPI) is not None
    return ["/var/swap"] if made else []


def swap_masks(texts: Mapping[str, str | None], units: Sequence[Mapping[str, str]]) -> list[str]:
    """The units to mask: services that set swap up, and swap units that no file of ours turns off.

    Args:
        texts: The files that were read.
        units: What systemd has: name, state (enabled, generated, masked...), source (its file).
    """
    steered = texts.get(RPI) is not None
    return [
        unit["name"]
        for unit in units
        if unit["state"] not in ("masked", "not-found")
        and (
            unit["name"] in SERVICES
            or (unit["name"].endswith(".swap") and not _is_steered(unit, rpi=steered))
        )
    ]


def _is_steered(unit: Mapping[str, str], *, rpi: bool) -> bool:
    """Whether a swap unit comes from a file that we change: then it is gone after a reload."""
    source = unit.get("source", "")
    if source == "/etc/fstab":
        return True
    # Without a file behind it systemd made the unit up from /proc/swaps.
    return not source or (rpi and unit["name"] in ("dev-zram0.swap", "var-swap.swap"))


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "swap_devices": swap_devices,
            "swap_files": swap_files,
            "swap_masks": swap_masks,
            "swap_writes": swap_writes,
        }
