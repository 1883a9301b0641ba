"""A fake Slack: the Web API, events and interactions, with the refusals of the real one."""

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.models import make_file
from tests.fakes.slack.server import Server
from tests.fakes.slack.slack import FakeSlack

__all__ = ["FakeSlack", "ImpossibleActionError", "Server", "SlackControl", "make_file"]
