"""What can go wrong with emails beyond what the contract names.

ContractError
 ├── InvalidRules         the file of rules is missing, not TOML, or says what cannot hold; names the field
 ├── StateInUse           the folder of the state cannot be used, or belongs to another process
 ├── InvalidToken         a link was not made by us, or was changed on its way
 └── HandoverFailed       the SMTP server did not take an email; says whether later will do, and whether it may have
"""

from streams.contract.errors import ContractError


class InvalidRules(ContractError):
    """A rule is missing, not valid, or contradicts another."""


class StateInUse(ContractError):
    """The folder of the state cannot be used by this process."""


class InvalidToken(ContractError):
    """The token of a link does not carry our signature."""


class HandoverFailed(ContractError):
    """One email was not taken.

    `is_final`: the server has said no, and will say no again. `is_unknown`: the whole email was on its way when the
    connection was lost, so the server may have taken it. The text never holds an address: servers like to
    repeat the recipient in their answers, and this ends up in logs.
    """

    def __init__(self, message: str, *, is_final: bool = False, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.is_unknown = is_unknown
