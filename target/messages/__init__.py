"""The reference target of the messages: its API and its delivery workers."""

from target.messages.api import serve as serve
from target.messages.delivery import deliver as deliver
