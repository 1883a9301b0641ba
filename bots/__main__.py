"""`threadwell`: the command. Each subcommand imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from chat_service.errors import UserError

cli = typer.Typer(
    help="A chat-bot backend for Slack, Discord and the browser that keeps every message through every crash.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.command()
def up(
    with_parent: Annotated[
        int | None, typer.Option(metavar="PID", help="stop when the starting process is gone")
    ] = None,
) -> None:
    """Run everything on this machine: Restate, the chat service, the web page, the bots whose tokens are set."""
    from bots.cli.up import up as run

    _run(run(_settings(), parent=with_parent))


@cli.command()
def serve() -> None:
    """Serve the chat service alone, for a Restate server that runs elsewhere."""
    from chat_service.serve import serve as run

    _run(run(_settings()))


@cli.command()
def bot(names: Annotated[list[str], typer.Argument(help="web, slack, discord")]) -> None:
    """Run one or more bots alone."""
    from bots.cli.bot import run

    _run(run(_settings(), names))


@cli.command()
def register() -> None:
    """Tell Restate where the chat service is (CHAT_SERVICE_URL), and take up what an old version left behind."""
    from bots.cli.register import register as run

    _run(run(_settings()))


@cli.command()
def doctor() -> None:
    """Check this machine and the settings; one line each, with what to do."""
    from bots.cli.doctor import doctor as run

    if not asyncio.run(run(_settings())):
        raise typer.Exit(1)


@cli.command()
def history(key: str, as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False) -> None:
    """Print a conversation."""
    from bots.cli.history import run

    _run(run(_settings(), key, as_json))


@cli.command()
def forget(
    key: Annotated[str | None, typer.Argument(help="the conversation")] = None,
    person: Annotated[
        str | None, typer.Option(help="slack:TEAM:USER, discord:SERVER:USER or web:PERSON, in all conversations")
    ] = None,
) -> None:
    """Forget a conversation, or a person everywhere: history, summaries, and what the engine's journal holds."""
    from bots.cli.forget import forget as run

    _run(run(_settings(), key, person))


@cli.command(
    # Its options are its own, `--help` too.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def bench(context: typer.Context) -> None:
    """Measure this machine; see `threadwell bench --help`."""
    from bench.run import main as run

    run(context.args)


def _settings() -> Any:
    from bots.cli.env_typos import find_env_typos
    from chat_service.settings import Settings

    settings = Settings()
    for slip in find_env_typos():
        typer.echo(f"threadwell: {slip}", err=True)
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    for noisy in ("httpx", "httpx2", "openai", "hypercorn.error", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # hypercorn says "ASGI Framework Lifespan error" because restate.app has no lifespan: harmless, and alarming.
    logging.getLogger("hypercorn.error").addFilter(lambda record: "Lifespan" not in record.getMessage())
    # Bolt finds the token in the environment too, and says that it uses the client's, which is the same.
    logging.getLogger("slack_bolt.AsyncApp").addFilter(lambda record: "will be unused" not in record.getMessage())
    # A child whose start is cancelled because another has failed: asyncio ends it, and may miss its status.
    logging.getLogger("asyncio").addFilter(lambda record: "Unknown child process" not in record.getMessage())
    return settings


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """The entry point: what a person can mend is one line on stderr and a non-zero status, never a traceback."""
    try:
        cli()
    except UserError as error:
        sys.exit(f"threadwell: {error}")
    except ExceptionGroup as group:
        # What starts side by side may fail side by side: what can be told says what to do, also about the rest.
        if (known := group.subgroup(UserError)) is not None:
            sys.exit(f"threadwell: {_first(known)}")
        _exit_for(_first(group))
        raise
    except ValidationError as error:
        for mistake in error.errors():
            name = ".".join(str(part) for part in mistake["loc"]).upper()
            print(f"threadwell: {name}: {mistake['msg']} (got {mistake['input']!r})", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except UnicodeDecodeError:
        sys.exit("threadwell: .env is not UTF-8 text: write it anew")
    except OSError as error:
        _exit_for(error)
        raise


def _exit_for(error: BaseException) -> None:
    """End with a line where the operating system's word has one."""
    if not isinstance(error, OSError):
        return
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        sys.exit("threadwell: the disk is full: free some space and start again")
    if isinstance(error, PermissionError) and error.filename:
        sys.exit(f"threadwell: {error.filename} may not be read or written by this user: mend its permissions")
    if error.filename and error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EROFS):
        sys.exit(f"threadwell: {error.filename} cannot be written ({error.strerror}): name another place, or mend it")


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


if __name__ == "__main__":
    main()
