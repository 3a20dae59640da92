#!/usr/bin/python
"""Take the chains of Kubernetes (and Docker) out of iptables and nftables; all other rules stay.

`kubeadm reset` leaves them, and `iptables -F` would take the rules of others too.
"""

from __future__ import annotations

import re
import shutil

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: netfilter_clean
short_description: Remove chains, with the rules that lead to them
options:
  chains:
    description: Chains; a name that ends with a hyphen stands for all that begin so.
    type: list
    elements: str
    required: true
  words: {description: Rules with such a word go too., type: list, elements: str, default: []}
  tables: {description: Tables of nft to remove., type: list, elements: str, default: []}
  empty: {description: Remove what iptables made and is empty., type: bool, default: false}
"""

PROGRAMS = ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy")
# What iptables-nft makes when it is first used.
MADE_BY_IPTABLES = [
    f"{family} {table}"
    for family in ("ip", "ip6")
    for table in ("filter", "nat", "mangle", "raw", "security")
]


def is_one_of(chain: str, names: list[str]) -> bool:
    """Whether a chain has one of the names, or begins with one that ends with a hyphen."""
    return chain in names or chain.startswith(tuple(x for x in names if x.endswith("-")))


def without(save: str, chains: list[str], words: list[str]) -> str:
    """The output of iptables-save without these chains and what leads to them."""
    kept = []
    for line in save.splitlines():
        chain = re.match(r"(?::|-A )(\S+)", line)
        target = re.search(r" -[jg] (\S+)", line)
        if any(found and is_one_of(found.group(1), chains) for found in (chain, target)):
            continue
        if line.startswith("-A ") and any(word in line for word in words):
            continue
        kept.append(line)
    return "\n".join(kept) + "\n"


def rules(save: str) -> list[str]:
    """What iptables-save says, without comments and counters."""
    return [
        re.sub(r" \[\d+:\d+\]$", "", line) for line in save.splitlines() if not line.startswith("#")
    ]


def clean(module: AnsibleModule, program: str) -> bool:
    """Clean what one iptables sees; whether anything was there."""
    if not shutil.which(program) or not shutil.which(f"{program}-save"):
        return False
    code, save, _ = module.run_command([f"{program}-save"])
    after = without(save, module.params["chains"], module.params["words"])
    if code or rules(save) == rules(after):
        return False
    if not module.check_mode:
        code, _, err = module.run_command([f"{program}-restore"], data=after)
        if code:
            module.fail_json(msg=f"{program}-restore: {err.strip()}")
    return True


def nft_tables(module: AnsibleModule) -> list[str]:
    """Tables of nft as "family name"."""
    if not shutil.which("nft"):
        return []
    return re.findall(
        r"^table (\S+ \S+)$", module.run_command(["nft", "list", "tables"])[1], re.MULTILINE
    )


def bare_chains(listing: str) -> tuple[list[str], bool]:
    """The chains without rules that let everything through, and whether all are such."""
    bodies = re.findall(r"^\tchain (\S+) \{\n(.*?)^\t\}", listing, re.MULTILINE | re.DOTALL)
    bare = [name for name, body in bodies if re.fullmatch(r"(\s*type .* policy accept;\n)?", body)]
    return bare, len(bare) == len(bodies) and "\tset " not in listing and "\tmap " not in listing


def bare(module: AnsibleModule, table: str) -> list[str]:
    """Words of `nft delete` for what of a table holds nothing."""
    chains, whole = bare_chains(module.run_command(["nft", "list", "table", *table.split()])[1])
    return [f"table {table}"] if whole else [f"chain {table} {chain}" for chain in chains]


def delete(module: AnsibleModule) -> list[str]:
    """Remove the tables asked for, and what iptables made and holds nothing any more."""
    there = nft_tables(module)
    gone = [f"table {table}" for table in there if table in module.params["tables"]]
    if module.params["empty"]:
        for table in [table for table in there if table in MADE_BY_IPTABLES]:
            gone += bare(module, table)
    if not module.check_mode:
        for words in gone:
            module.run_command(["nft", "delete", *words.split()])
    return gone


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "chains": {"type": "list", "elements": "str", "required": True},
            "words": {"type": "list", "elements": "str", "default": []},
            "tables": {"type": "list", "elements": "str", "default": []},
            "empty": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    cleaned = [program for program in PROGRAMS if clean(module, program)]
    deleted = delete(module)
    module.exit_json(changed=bool(cleaned or deleted), cleaned=cleaned, deleted=deleted)


if __name__ == "__main__":
    main()
