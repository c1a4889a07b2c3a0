"""All settings of all processes as one typed class: defaults, then a TOML file, then environment variables.

The file is the one that is named, or `nextup.toml` in the working directory where there is one. The
variable NEXTUP_KAFKA_BOOTSTRAP_SERVERS sets `bootstrap_servers` under `[kafka]`, and so on. What is
not known or not valid is refused at the start, with the name of the field.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct, field
from msgspec.inspect import BoolType, FloatType, IntType, LiteralType, StrType, Type, type_info
from msgspec.structs import FieldInfo, fields

from deploy.errors import SettingsError
from serving.triton import TritonSettings
from streams.contract.connection import KafkaConnection
from streams.contract.topics import TopicLayout
from streams.emails.settings import EmailSettings
from streams.gateway.settings import GatewaySettings
from streams.worker.settings import WorkerSettings
from trainer.guard.settings import GuardSettings
from trainer.nightly.settings import NightlySettings
from trainer.settings import TrainerSettings
from trainer.swaps.settings import SwapSettings

DEFAULT_FILE = Path("nextup.toml")
PREFIX = "NEXTUP_"
OTHER_VARIABLES = frozenset({"NEXTUP_DEBUG"})
"""Variables that begin like a setting and are none."""


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which model serves, and the folder with its versions."""

    repository: str = ".nextup/models"
    name: str = "next-purchase"


class RefreshSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose lists are made anew when nobody has bought, and how fast."""

    active_days: Annotated[float, Meta(gt=0)] = 30.0
    """Customers who bought something in the newest so many days."""
    stale_days: Annotated[float, Meta(gt=0)] = 1.0
    """Lists that speak for a moment further back than this are made anew, whoever made them."""
    rate: Annotated[float, Meta(gt=0)] = 200.0
    """Most lists per second."""
    at: str = "04:00"
    """When `nextup refresh --daily` runs: hh:mm in nightly.timezone."""
    after_release: bool = True
    """Whether a run of the trainer that has released a version asks for the lists at once."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """One section for each part of the system; every process takes what concerns it."""

    kafka: KafkaConnection = field(default_factory=KafkaConnection)
    topics: TopicLayout = field(default_factory=TopicLayout)
    triton: TritonSettings = field(default_factory=TritonSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    emails: EmailSettings = field(default_factory=EmailSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    swap: SwapSettings = field(default_factory=SwapSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    refresh: RefreshSettings = field(default_factory=RefreshSettings)
    nightly: NightlySettings = field(default_factory=NightlySettings)


class Setting(NamedTuple):
    """One field that can be set: where it belongs and what it takes."""

    section: str
    info: FieldInfo

    @property
    def name(self) -> str:
        return f"{self.section}.{self.info.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.section}_{self.info.name}".upper()

    @property
    def is_secret(self) -> bool:
        return "password" in self.info.name or "secret" in self.info.name


SETTINGS = {
    setting.name: setting
    for section in fields(Settings)
    for setting in (Setting(section.name, info) for info in fields(section.type))
}
"""Every setting by its name, `section.field`."""
_SECTIONS = {section.name: section.type for section in fields(Settings)}


def load(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """The settings from `file` (or the default file, or none) and the environment; SettingsError if not valid."""
    values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    path = file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if path:
        for setting, value in _from_file(path):
            values[setting.section][setting.info.name] = value
    for setting, value in _from_environment(environment):
        values[setting.section][setting.info.name] = value
    settings = Settings(**{name: section(**values[name]) for name, section in _SECTIONS.items()})
    _check_security(settings.kafka)
    _check_layout(settings.topics)
    return settings


def _from_file(path: Path) -> Iterator[tuple[Setting, Any]]:
    for section, table in _parsed(path).items():
        if section not in _SECTIONS:
            raise SettingsError(f"{path}: unknown section [{section}]; {_known(section, _SECTIONS)}")
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section} is a value; expected a section [{section}]")
        for name, value in table.items():
            setting = SETTINGS.get(f"{section}.{name}")
            if setting is None:
                known = [info.name for info in fields(_SECTIONS[section])]
                raise SettingsError(f"{path}: unknown setting {name} under [{section}]; {_known(name, known)}")
            yield setting, _checked(setting, value, f"{path}: {setting.name}", strict=True)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{path}: is not TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Setting, Any]]:
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            raise SettingsError(f"environment: unknown variable {variable}; {_known(variable, by_variable)}")
        yield setting, _checked(setting, text, f"environment: {variable}", strict=False)


def _checked(setting: Setting, value: Any, where: str, *, strict: bool) -> Any:
    """The value as the field's type; text from the environment may stand for a number (`strict` false)."""
    try:
        return msgspec.convert(value, setting.info.type, strict=strict)
    except msgspec.ValidationError:
        found = f"of type {type(value).__name__}" if setting.is_secret else repr(value)
        raise SettingsError(f"{where} is {found}; expected {describe(setting.info.type)}") from None


def _known(name: str, candidates: Iterable[str]) -> str:
    """The likeliest intention behind an unknown name, or all names there are."""
    names = sorted(candidates)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"


def _check_security(kafka: KafkaConnection) -> None:
    if kafka.uses_sasl and not (kafka.sasl_username and kafka.sasl_password):
        raise SettingsError(
            f"kafka.security_protocol is {kafka.security_protocol!r}; expected kafka.sasl_username and "
            "kafka.sasl_password to be set as well"
        )
    for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file"):
        path = getattr(kafka, name)
        if path and not Path(path).is_file():
            raise SettingsError(f"kafka.{name} is {path!r}; expected the path of a file that exists")


def _check_layout(layout: TopicLayout) -> None:
    if layout.min_insync_replicas > layout.replication_factor:
        raise SettingsError(
            f"topics.min_insync_replicas is {layout.min_insync_replicas}; expected at most topics.replication_factor, "
            f"which is {layout.replication_factor}: nothing could be written"
        )


def describe(annotation: Any) -> str:
    """In words, which values a field takes."""
    kind = type_info(annotation)
    if isinstance(kind, LiteralType):
        return "one of " + ", ".join(map(str, kind.values))
    if isinstance(kind, IntType | FloatType):
        noun = "an integer" if isinstance(kind, IntType) else "a number"
        return " ".join([noun, *_bounds(kind)])
    return _NOUNS.get(type(kind), str(annotation))


_NOUNS: dict[type[Type], str] = {StrType: "a string", BoolType: "true or false"}


def _bounds(kind: IntType | FloatType) -> Iterator[str]:
    bounds = {"at least": kind.ge, "above": kind.gt, "at most": kind.le, "below": kind.lt}
    told = [f"{words} {value:g}" for words, value in bounds.items() if value is not None]
    if told:
        yield " and ".join(told)
