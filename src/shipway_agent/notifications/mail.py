"""A mail server, addresses and an entry in, the mail taken by the server or Undelivered out: nothing is said before TLS is verified."""

from __future__ import annotations

import smtplib
import socket
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, BinaryIO, Mapping, Optional, Tuple

from shipway_agent.notifications import targets, words
from shipway_agent.notifications.connect import CONNECT_SECONDS, Undelivered, bounded, connect, context, encrypted, why

ANSWER_BYTES = 65536
"""Of everything a server says in one conversation."""


def send(target: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """Hand the mail to the server. Raises Undelivered; the server's own words are not among its."""
    place = targets.server(target["server"])
    recipients = [targets.box(one) for one in target["to"]]
    message = mail(targets.box(target["sender"]), recipients, entry)
    try:
        with connect(place) as connection, bounded(connection):
            _converse(_Server(place, connection), place, target, recipients, message)
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"the server answers {error.smtp_code} to {_ABOUT.get(type(error), 'what it was told')}") from None
    except smtplib.SMTPRecipientsRefused:
        raise Undelivered("the server takes no mail for these addresses") from None
    except smtplib.SMTPNotSupportedError:
        raise Undelivered("the server does not offer what is needed (STARTTLS, AUTH)") from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise Undelivered(why(error) if not isinstance(error, smtplib.SMTPException) else "the server broke the conversation off") from None


def mail(sender: str, recipients: Any, entry: Mapping[str, Any]) -> EmailMessage:
    """The message. What programs printed stands in the body only; a header is one line whatever is in it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = " ".join(words.subject(entry).split())[:200]
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{entry['id']}@shipway.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text(entry) + "\n")
    return message


def _converse(server: _Server, place: targets.Place, target: Mapping[str, Any], recipients: Any, message: EmailMessage) -> None:
    with server:
        server.ehlo()
        # To the host's own mail service nothing leaves the host, and its certificate is of another name.
        if place.scheme == "smtp" and not targets.is_loopback(place.host):
            server.starttls(context=context())
            server.ehlo()
        if place.user:
            server.login(place.user, str(target["password"]))
        server.send_message(message, str(message["From"]), recipients)


class _Server(smtplib.SMTP):
    """Speaks over the connection it is given, and hears no more than ANSWER_BYTES."""

    def __init__(self, place: targets.Place, connection: socket.socket) -> None:
        self._connection = connection
        self._place = place
        self._heard: Optional[_Few] = None
        super().__init__(place.host, place.port, local_hostname="[127.0.0.1]", timeout=CONNECT_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return encrypted(self._connection, self._place.host) if self._place.scheme == "smtps" else self._connection

    def _speaking(self) -> socket.socket:
        if self.sock is None:
            raise OSError("the connection is gone")
        return self.sock

    def getreply(self) -> Tuple[int, bytes]:
        if self.file is None:
            self.file = _Few(self._speaking().makefile("rb"))
        return super().getreply()


class _Few:
    """A file of which only so much can be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = ANSWER_BYTES

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server says too much")
        return line

    def close(self) -> None:
        self._file.close()


_ABOUT: Mapping[type, str] = {
    smtplib.SMTPAuthenticationError: "user and password",
    smtplib.SMTPSenderRefused: "the sender",
    smtplib.SMTPDataError: "the mail",
    smtplib.SMTPHeloError: "the greeting",
    smtplib.SMTPConnectError: "the connection",
}
