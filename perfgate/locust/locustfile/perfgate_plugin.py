"""The locustfile that brings the plugin; Locust reads it, and sends it to its workers as text."""

from perfgate.locust.plugin import install

install()
