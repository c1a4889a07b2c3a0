"""The nextup command: quick help, errors in one line, exit codes."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from deploy import cli, lazy_group
from deploy.errors import SettingsError
from deploy.lazy_group import LazyGroup
from deploy.stack.errors import DidNotStart

HEAVY = ("tensorflow", "keras", "faust", "onnxruntime", "pyarrow")


@click.command()
def fails() -> None:
    raise SettingsError("topics.partitions is 'four'; expected an integer")


@click.command()
def breaks() -> None:
    raise ZeroDivisionError


@click.command()
def is_interrupted() -> None:
    raise KeyboardInterrupt


@click.command()
def does_not_start() -> None:
    raise DidNotStart("triton ended with exit code 1", Path("triton.log"), ("no such library",))


COMMANDS = {name: (f"{__name__}:{name}", name) for name in ("fails", "breaks", "is_interrupted", "does_not_start")}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(LazyGroup("nextup", commands_at=COMMANDS), arguments)


def modules_after(arguments: list[str]) -> set[str]:
    script = (
        "import sys\nfrom deploy.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('loaded:', *({set(HEAVY)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_names_every_command_and_imports_none_of_them() -> None:
    result = CliRunner().invoke(cli.main, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {name} " in result.output for name in cli.COMMANDS)
    assert modules_after(["--help"]) == set()


@pytest.mark.parametrize("command", ["topics", "broker", "triton"])
def test_small_commands_import_no_large_library(command: str) -> None:
    assert modules_after([command, "--help"]) == set()


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_where_the_map_says(name: str) -> None:
    place, help_line = cli.COMMANDS[name]
    command = lazy_group.imported(place)
    assert isinstance(command, click.Command)
    assert command.help
    assert help_line.endswith(".")


def test_help_of_a_command_does_not_read_the_settings() -> None:
    result = CliRunner().invoke(cli.main, ["--config", "/no/such.toml", "topics", "--help"])
    assert result.exit_code == 0


def test_an_error_of_ours_is_one_line_on_stderr_and_exit_code_1() -> None:
    result = run("fails")
    assert result.exit_code == 1
    assert result.stderr == "error: topics.partitions is 'four'; expected an integer\n"
    assert result.stdout == ""


def test_with_nextup_debug_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTUP_DEBUG", "1")
    assert isinstance(run("fails").exception, SettingsError)


def test_any_other_error_keeps_its_traceback_and_ends_with_a_sentence() -> None:
    done = run("breaks")
    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ZeroDivisionError in breaks, ")


def test_ctrl_c_is_quiet_and_exit_code_130() -> None:
    result = run("is_interrupted")
    assert result.exit_code == 130
    assert result.output == ""


def test_a_server_that_does_not_start_shows_its_last_lines_and_its_log() -> None:
    result = run("does_not_start")
    assert result.stderr == "  no such library\nerror: triton ended with exit code 1; its log is triton.log\n"


def test_a_setting_that_is_wrong_is_one_line_and_exit_code_1() -> None:
    result = CliRunner().invoke(cli.main, ["topics"], env={"NEXTUP_TOPICS_PARTITIONS": "four"})
    assert result.exit_code == 1
    assert result.stderr == "error: environment: NEXTUP_TOPICS_PARTITIONS is 'four'; expected an integer\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli.main, ["recommend"]).exit_code == 2
