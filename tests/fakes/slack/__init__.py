"""A Slack to test against: it speaks Slack's protocols, does what a test says, and refuses what Slack refuses."""

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack.control import SlackControl, make_file
from tests.fakes.slack.server import Server
from tests.fakes.slack.slack import FakeSlack

__all__ = ["FakeSlack", "ImpossibleActionError", "Server", "SlackControl", "make_file"]
