"""`nextup dead-letters`: what could not be processed, and sending it again once the cause is mended."""

from collections.abc import Sequence

import click
import msgspec

from deploy.command_line import pass_settings
from deploy.letter_lines import as_json, details, summary
from deploy.settings import Settings
from streams.clients.letter_box import LetterBox
from streams.contract.letters import Letter

json_option = click.option("--json", "as_lines", is_flag=True, help="One letter per line as JSON.")


@click.group("dead-letters")
def dead_letters() -> None:
    """List what could not be processed, show it, and send it again."""


@dead_letters.command("list")
@click.option("--newest", "count", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--reason", help="Only letters of this reason, for example wrong-partition.")
@click.option("--topic", help="Only letters from this topic, for example purchases.")
@json_option
@pass_settings
def list_letters(settings: Settings, count: int, reason: str | None, topic: str | None, as_lines: bool) -> None:
    """List the newest letters, newest first: partition, offset, time (UTC), reason, source, and what was wrong."""
    full = None if topic is None else settings.kafka.topic_prefix + topic.removeprefix(settings.kafka.topic_prefix)

    def wanted(letter: Letter) -> bool:
        return reason in {None, letter.reason} and full in {None, letter.source_topic}

    found = LetterBox(settings.kafka).newest(count, wanted)
    for letter in found:
        click.echo(msgspec.json.encode(as_json(letter)) if as_lines else "\n".join(summary(letter)))
    if not found and not as_lines:
        click.echo("no dead letters")


@dead_letters.command()
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@click.option("--bytes", "most", type=click.IntRange(min=0), default=2_000, show_default=True, help="Of the value.")
@json_option
@pass_settings
def show(settings: Settings, partition: int, offset: int, most: int, as_lines: bool) -> None:
    """Show one letter: reason, source, key, headers and value, and whether it is cut."""
    letter = LetterBox(settings.kafka).one(partition, offset)
    click.echo(msgspec.json.encode(as_json(letter)) if as_lines else "\n".join(details(letter, most)))


@dead_letters.command()
@click.argument("partition", type=click.IntRange(min=0), required=False)
@click.argument("offset", type=click.IntRange(min=0), required=False)
@click.option("--reason", help="All letters of this reason, instead of one.")
@click.option("--yes", is_flag=True, help="Send them; without it, --reason only counts.")
@click.option("--again", is_flag=True, help="Also what was replayed before.")
@pass_settings
def replay(
    settings: Settings, partition: int | None, offset: int | None, reason: str | None, yes: bool, again: bool
) -> None:
    """Send letters to their source topic again, with key, value and headers as they came.

    Do so once the cause is mended; what fails again becomes a dead letter again. An event that was accepted
    meanwhile is known by its id, and is not counted twice.
    """
    box = LetterBox(settings.kafka)
    if reason is not None and partition is None:
        _replay_all(box, [letter for letter in box.all() if letter.reason == reason], yes=yes, again=again)
    elif reason is None and partition is not None and offset is not None:
        _replay_one(box, box.one(partition, offset), again=again)
    else:
        raise click.UsageError("name one letter by PARTITION and OFFSET, or many by --reason")


def _replay_one(box: LetterBox, letter: Letter, *, again: bool) -> None:
    box.check(letter)
    before = box.replayed_before([letter]).get(letter.name)
    if before and not again:
        raise click.ClickException(f"it was replayed before, to {before}; with --again it is sent once more")
    box.replay([letter])
    click.echo(f"sent to {letter.source_topic} again")


def _replay_all(box: LetterBox, letters: Sequence[Letter], *, yes: bool, again: bool) -> None:
    usable = [letter for letter in letters if box.is_replayable(letter)]
    before = box.replayed_before(usable)
    chosen = [letter for letter in usable if again or letter.name not in before]
    _tell_left_out(len(letters) - len(usable), "are cut or from no topic of ours, and cannot be replayed")
    _tell_left_out(len(usable) - len(chosen), "were replayed before; --again sends them once more")
    if not yes:
        click.echo(f"{len(chosen)} letters would be sent again; say --yes to do so")
        raise click.exceptions.Exit(1)
    click.echo(f"{box.replay(chosen)} letters were sent again")


def _tell_left_out(count: int, why: str) -> None:
    if count:
        click.echo(f"{count} {why}")
