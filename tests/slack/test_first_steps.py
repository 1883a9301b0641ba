"""The steps of bots/slack/README.md lead from an empty machine to the first answer."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.fakes.model import ModelControl
from tests.fakes.slack.running import running_slack
from tests.fork_server import ROOT
from tests.operation.steps import commands, settings_in, steps_of
from tests.operation.up import answering, prepared
from tests.slack.test_answers import shown

PAGE = ROOT / "bots" / "slack" / "README.md"


async def test_the_steps_lead_from_nothing_to_the_first_answer(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear()
    create, tokens, start, ask = steps_of(PAGE, "What the bot does")
    async with running_slack() as slack:
        ada = await slack.add_user("ada", display_name="Ada")
        assert "[manifest.yaml](manifest.yaml)" in create
        await slack.install(yaml.safe_load((PAGE.parent / "manifest.yaml").read_text()))
        channel = await slack.add_channel("talk", [ada.id], bot=False)

        given = {"SLACK_APP_TOKEN=xapp-…": slack.app.app_token, "SLACK_BOT_TOKEN=xoxb-…": slack.team.bot_token}
        assert {line.partition("=")[0] for line in given} <= set(commands(tokens))
        lines = [line.partition("=")[0] + "=" + given[line] for line in settings_in(start)]
        elsewhere = [f"{name}={value}" for name, value in slack.env().items() if "TOKEN" not in name]
        (tmp_path / ".env").write_text("\n".join([*lines, *elsewhere]) + "\n")
        assert len(lines) == 2 and "make run" in commands(start)

        async with prepared(tmp_path, engine_binary, **answering(model)) as up:
            await up.start()
            await up.until("Slack: listening as @")
            await up.until("ready in")
            assert "/invite @Threadwell" in commands(ask)
            await slack.join(slack.bot, channel.id)
            said = await slack.mention(ada.id, channel.id, "hello!")
            await slack.wait_reply(channel.id, said.ts, lambda m: "hello!" in shown(m))
            direct = await slack.post(ada.id, (await slack.direct(ada.id)).id, "and here?")
            await slack.wait_reply(direct.channel, direct.ts, lambda m: "and here?" in shown(m))
        refused = [one for one in await slack.calls() if one.error in ("missing_scope", "not_allowed_token_type")]
        assert refused == []
