"""The front doors: AsyncDispatcher, and Dispatcher for synchronous code."""

from alarm_dispatch.dispatcher.asynchronous import AsyncDispatcher
from alarm_dispatch.dispatcher.settings import DEFAULT_BACKLOG, DEFAULT_CLOSE_TIMEOUT, DEFAULT_LIMIT
from alarm_dispatch.dispatcher.synchronous import Dispatcher

__all__ = ["DEFAULT_BACKLOG", "DEFAULT_CLOSE_TIMEOUT", "DEFAULT_LIMIT", "AsyncDispatcher", "Dispatcher"]
