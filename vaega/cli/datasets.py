"""Commands of datasets: the list of them, and the card of one."""

import click

from vaega.cli.app import Group, vaega


@vaega.group(cls=Group, invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    r"""List the datasets that can be loaded from here.

    \b
    vaega datasets
    vaega datasets show madelon
    """
    if context.invoked_subcommand is None:
        from vaega.data.sources import available_datasets

        for entry in available_datasets():
            click.echo(f"{entry.source:24} {entry.where:28} {entry.title}")


@datasets.command()
@click.argument("source")
@click.option("--target", help="Column of the labels, for a table.")
@click.option("--groups", help="Column of rows that belong together, for a table.")
@click.option(
    "--categorical",
    type=click.Choice(["error", "one_hot", "drop"]),
    default="error",
    show_default=True,
    help="What to do with text columns of a table.",
)
def show(source: str, target: str | None, groups: str | None, categorical: str) -> None:
    r"""Print the card of a dataset.

    \b
    vaega datasets show sklearn:wine
    """
    from vaega.data.sources import load_dataset

    dataset = load_dataset(source, target=target, groups=groups, categorical=categorical)
    click.echo(dataset.card())
