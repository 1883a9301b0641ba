"""The command `threadwell`. Each subcommand imports its modules when it runs, so that `--help` is fast."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from chat_service.errors import UserError

if TYPE_CHECKING:
    from chat_service.settings import Settings

cli = typer.Typer(
    help="A chat-bot backend for Slack, Discord and the browser that loses no message in a crash.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.command()
def up(
    with_parent: Annotated[int | None, typer.Option(metavar="PID", help="stop when this process exits")] = None,
) -> None:
    """Run everything on this machine: Restate, the chat service, the web page and the bots whose tokens are set."""
    from bots.cli.up import up as run

    _run(run(_load_settings(), parent=with_parent))


@cli.command()
def serve() -> None:
    """Run only the chat service, for a Restate server that runs elsewhere."""
    from chat_service.serve import serve as run

    _run(run(_load_settings()))


@cli.command()
def bot(names: Annotated[list[str], typer.Argument(help="web, slack, discord")]) -> None:
    """Run only the named bots."""
    from bots.cli.bot import run

    _run(run(_load_settings(), names))


@cli.command()
def register() -> None:
    """Register the chat service (CHAT_SERVICE_URL) at Restate and restart turns of versions that no longer run."""
    from bots.cli.register import register as run

    _run(run(_load_settings()))


@cli.command()
def doctor() -> None:
    """Check this machine and the settings, and say what to do."""
    from bots.cli.doctor import doctor as run

    if not asyncio.run(run(_load_settings())):
        raise typer.Exit(1)


@cli.command()
def history(key: str, as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Print a conversation."""
    from bots.cli.history import run

    _run(run(_load_settings(), key, as_json))


@cli.command()
def forget(
    key: Annotated[str | None, typer.Argument(help="key of the conversation")] = None,
    person: Annotated[str | None, typer.Option(help="slack:TEAM:USER, discord:SERVER:USER or web:PERSON")] = None,
) -> None:
    """Delete a conversation, or a person's messages in all conversations, with summaries and journals."""
    from bots.cli.forget import forget as run

    _run(run(_load_settings(), key, person))


@cli.command(
    # The benchmark parses its own options, including --help.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def bench(context: typer.Context) -> None:
    """Run the benchmark; see `threadwell bench --help`."""
    from bench.run import main as run

    run(context.args)


def _load_settings() -> Settings:
    """Read the settings, report misspelled ones and configure logging."""
    from bots.cli.env_typos import find_env_typos
    from chat_service.settings import Settings

    settings = Settings()
    for line in find_env_typos():
        typer.echo(f"threadwell: {line}", err=True)
    _configure_logging(settings.log_level)
    return settings


def _configure_logging(level: str) -> None:
    log_format = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level.upper(), format=log_format, datefmt="%H:%M:%S")
    for name in ("httpx", "httpx2", "openai", "hypercorn.error", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # hypercorn logs "ASGI Framework Lifespan error" because restate.app has no lifespan, which is harmless.
    logging.getLogger("hypercorn.error").addFilter(lambda record: "Lifespan" not in record.getMessage())
    # Bolt also finds the token in the environment and logs that it uses the client's, which is the same.
    logging.getLogger("slack_bolt.AsyncApp").addFilter(lambda record: "will be unused" not in record.getMessage())
    # asyncio may miss the status of a child whose start is cancelled because another child failed.
    logging.getLogger("asyncio").addFilter(lambda record: "Unknown child process" not in record.getMessage())


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """Run the command. An error that the operator can fix is printed as one line, without a traceback; status 1."""
    try:
        cli()
    except UserError as error:
        sys.exit(f"threadwell: {error}")
    except ExceptionGroup as group:
        # Parts that start concurrently may fail together. The first UserError says what to do.
        if (user_errors := group.subgroup(UserError)) is not None:
            sys.exit(f"threadwell: {_first_error(user_errors)}")
        _exit_if_fixable(_first_error(group))
        raise
    except ValidationError as error:
        for detail in error.errors():
            name = ".".join(str(part) for part in detail["loc"]).upper()
            print(f"threadwell: {name}: {detail['msg']} (got {detail['input']!r})", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except UnicodeDecodeError:
        sys.exit("threadwell: .env is not UTF-8 text: save it as UTF-8")
    except OSError as error:
        _exit_if_fixable(error)
        raise


def _exit_if_fixable(error: BaseException) -> None:
    """Exit with a one-line message if `error` is an OSError that the operator can fix."""
    if not isinstance(error, OSError):
        return
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        sys.exit("threadwell: the disk is full: free some space and start again")
    if isinstance(error, PermissionError) and error.filename:
        sys.exit(f"threadwell: {error.filename} may not be read or written by this user: fix its permissions")
    if error.filename and error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EROFS):
        sys.exit(f"threadwell: {error.filename} cannot be written ({error.strerror}): choose another path or fix it")


def _first_error(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


if __name__ == "__main__":
    main()
