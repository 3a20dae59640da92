"""sudo as ansible-core knows it, and sudo-rs, which is Ubuntu's since 25.10.

Asked to prompt with P, sudo-rs prompts with ``[sudo: P] Password: ``, where ansible-core (2.19)
waits for a line that begins with P. Both say in words of their own what is wrong, and in the
language of the host: that the prompt comes again says in any language that a password was wrong.
"""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
from ansible.plugins.become.sudo import DOCUMENTATION as _OF_SUDO
from ansible.plugins.become.sudo import BecomeModule as _Sudo

# Ansible sends what lies there to hosts, but does not look there for its own imports.
_OURS = str(Path(__file__).parents[1] / "module_utils")
if _OURS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_OURS)

from ansible.module_utils.doctor.refusals import (  # noqa: E402 - found by the path above
    PASSWORD_WANTED,
    WRONG_PASSWORD,
)

DOCUMENTATION = _OF_SUDO.replace("name: sudo\n", "name: any_sudo\n")


class BecomeModule(_Sudo):
    """Root by sudo, whoever wrote it. Messages still speak of sudo."""

    fail = (*_Sudo.fail, *WRONG_PASSWORD)
    missing = (*_Sudo.missing, *PASSWORD_WANTED)

    def check_password_prompt(self, b_output: bytes) -> bool:
        """Whether our prompt is there; its random key lets nothing else look like it."""
        return bool(self.prompt) and str(self.prompt).strip().encode() in b_output
