"""The `nextup` command. Its subcommands are imported when they are called: some bring TensorFlow along."""

from pathlib import Path

import click

from deploy.lazy_group import LazyGroup

COMMANDS = {
    "demo": ("deploy.commands.demo:demo", "Run everything on this machine and watch it recommend."),
    "topics": ("deploy.commands.topics:topics", "Create the topics that are missing and check the others."),
    "worker": ("deploy.commands.worker:worker", "Turn purchases into lists until stopped."),
    "trainer": ("deploy.commands.trainer:trainer", "Train on the purchase log once, and release the model."),
    "nightly": ("deploy.commands.nightly:nightly", "Train every night, and release what is better."),
    "tune": ("deploy.commands.tune:tune", "Search for the settings that the model learns best with."),
    "backtest": ("deploy.commands.backtest:backtest", "Compare all models on what was bought after a split."),
    "model": ("deploy.commands.model:model", "Which versions there are, which one answers, and changing that."),
    "refresh": ("deploy.commands.refresh:refresh", "Make the lists of recently active customers anew."),
    "publish": ("deploy.commands.publish:publish", "Publish purchases from a file."),
    "subscribe": ("deploy.commands.subscribe:subscribe", "Print lists as they come."),
    "gateway": ("deploy.commands.gateway:gateway", "Serve purchases, lists and histories over HTTP."),
    "page": ("deploy.commands.page:page", "The gateway, with a page to buy on and to watch."),
    "items": ("deploy.commands.items:items", "Publish the catalogue from a file."),
    "emails": ("deploy.commands.emails:emails", "Send emails about lists that changed for the better."),
    "erase": ("deploy.commands.erase:erase", "Forget a customer, and wait until it is done."),
    "dead-letters": ("deploy.commands.dead_letters:dead_letters", "What could not be processed; send it again."),
    "skip": ("deploy.commands.skip:skip", "Pass over one record at which the workers end."),
    "rebuild": ("deploy.commands.rebuild:rebuild", "Make the state anew from the log, and compare."),
    "pictures": ("deploy.commands.pictures:pictures", "Take pictures of a page that runs."),
    "broker": ("deploy.commands.broker:broker", "Run a local Kafka broker until stopped."),
    "triton": ("deploy.commands.triton:triton", "Run a local Triton server until stopped."),
    "bench": ("deploy.commands.bench:bench", "Measure lists per second and latency on this machine."),
    "bench-gateway": ("deploy.commands.bench_gateway:bench_gateway", "Measure the gateway with many readers."),
    "bench-page": ("deploy.commands.bench_page:bench_page", "Measure the page with many visitors."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with settings; without it, nextup.toml if there is one. NEXTUP_SECTION_FIELD overrides both.",
)
@click.version_option(package_name="nextup")
def main(config: Path | None) -> None:
    """Every purchase goes into Kafka; within milliseconds that customer's next five products are on a topic."""
