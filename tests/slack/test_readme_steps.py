"""The steps of bots/slack/README.md lead from an empty machine to the first answer, with the manifest's permissions."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.fakes.model import ModelControl
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.fork_server import ROOT
from tests.operation.readme_steps import find_code_spans, find_settings, read_steps
from tests.operation.threadwell_process import model_env, threadwell_process
from tests.slack.steps import visible_text

README = ROOT / "bots" / "slack" / "README.md"


async def test_steps_lead_to_the_first_answer(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    await model.clear_script()
    create, tokens, start, invite = read_steps(README, "What the bot does")
    async with running_slack() as slack:
        assert "[manifest.yaml](manifest.yaml)" in create
        await slack.install_manifest(yaml.safe_load((README.parent / "manifest.yaml").read_text()))
        ada = (await slack.add_user("ada", display_name="Ada")).id
        channel = (await slack.add_channel("talk", [ada], bot=False)).id

        given = {"SLACK_APP_TOKEN=xapp-…": slack.app.app_token, "SLACK_BOT_TOKEN=xoxb-…": slack.team.bot_token}
        assert {line.partition("=")[0] for line in given} <= set(find_code_spans(tokens))
        lines = [line.partition("=")[0] + "=" + given[line] for line in find_settings(start)]
        fake = [f"{name}={value}" for name, value in slack.env().items() if "TOKEN" not in name]
        (tmp_path / ".env").write_text("\n".join([*lines, *fake]) + "\n")
        assert len(lines) == 2 and "make run" in find_code_spans(start)

        async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as process:
            await process.start()
            await process.wait_for_line("Slack: listening as @")
            await process.wait_for_line("ready in")
            assert "/invite @Threadwell" in find_code_spans(invite)
            await slack.join(slack.bot, channel)
            await use_everything(slack, ada, channel)
        refused = [call for call in await slack.calls() if call.error in ("missing_scope", "not_allowed_token_type")]
        assert refused == [], "the manifest grants every scope that the bot needs"


async def use_everything(slack: SlackControl, user: str, channel: str) -> None:
    """Use the features of the bot that need scopes of their own."""
    question = await slack.mention(user, channel, f"hello <@{user}> :tada:")
    await slack.wait_reply(channel, question.ts, lambda m: "hello" in visible_text(m))
    await slack.use_shortcut(user, channel, question.ts, "show_history")
    [page] = await slack.wait_until(lambda: slack.ephemerals(channel, user))
    await slack.click(user, channel, page.ts, "history_export")
    await slack.wait_until(slack.files)
    await slack.run_command(user, channel, "/history")
    await slack.wait_until(lambda: slack.ephemerals(channel, user), lambda found: len(found) >= 3)
    await slack.open_home(user)
    await slack.wait_until(lambda: slack.home_view(user))
    direct = await slack.post(user, (await slack.open_conversation(user)).id, "and here?")
    await slack.wait_reply(direct.channel, direct.ts, lambda m: "and here?" in visible_text(m))
