"""What can be set about the process that sends emails; the rules are in a file of their own."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class EmailSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `nextup emails`. One process does the work, and has the folder of the state to itself."""

    rules: str = "emails.toml"
    """File with the rules."""
    datadir: str = ".nextup/emails"
    link_secret: str = ""
    """What links are signed with, here and in the gateway; at least 16 characters."""
    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Meta(ge=1, le=65535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """With starttls and tls the server's certificate is checked."""
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_ca_file: str = ""
    smtp_timeout_s: Annotated[float, Meta(gt=0)] = 60.0
    smtp_connections: Annotated[int, Meta(ge=1, le=64)] = 4
    retry_first_s: Annotated[float, Meta(gt=0)] = 30.0
    retry_longest_s: Annotated[float, Meta(gt=0)] = 3600.0
    if_unknown: Literal["assume-taken", "resend", "give-up"] = "assume-taken"
    """What becomes of an email whose end had gone out, without an answer of the server, when this process crashed."""

    @property
    def retry_s(self) -> tuple[float, float]:
        """The first wait and the longest one, in seconds."""
        return self.retry_first_s, self.retry_longest_s

    def __repr__(self) -> str:
        """Without the secrets: this ends up in logs."""
        return f"EmailSettings({self.smtp_host}:{self.smtp_port}, {self.smtp_security})"
