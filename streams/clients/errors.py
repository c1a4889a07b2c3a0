"""What can go wrong in the clients beyond what the contract names.

ContractError
 └── UnreadableFile       a file of purchases or items cannot be read at all, or not as asked
"""

from streams.contract.errors import ContractError


class UnreadableFile(ContractError):
    """The file is missing, is not of its format, or lacks a column that was asked for."""
