#!/usr/bin/python
"""The probe of ``fogbed doctor``, asked by Ansible.

Nothing here comes from a cache: a card may have been changed since yesterday.
"""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.doctor.node_probe import look, look_as_root

DOCUMENTATION = r"""
module: host_probe
short_description: Read what a host is and has; nothing is changed
author: [fogbed]
options:
  address:
    description: Address that the host is to have in the testbed; what any user may know is read.
    type: str
  as_root:
    description: Read what root alone may read, and nothing else.
    type: bool
    default: false
"""

RETURN = r"""
host: {description: What was read, type: dict, returned: always}
"""


def main() -> None:
    """Entry point."""
    options = {"address": {"type": "str"}, "as_root": {"type": "bool", "default": False}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    if module.params["as_root"]:
        module.exit_json(changed=False, host=look_as_root())
    # one write shows whether the disk takes any; how fast it is, nobody is refused for
    host = look(module.params["address"] or "", writes=1)
    module.exit_json(changed=False, host={**host, "time": time.time()})


if __name__ == "__main__":
    main()
