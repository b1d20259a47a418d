"""What a person has written about an error that they saw."""

from dataclasses import dataclass

# Characters that are kept. The rest is cut.
MAX_MESSAGE = 4_096
MAX_NAME = 200
MAX_EMAIL = 254
MAX_URL = 2_000


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's message, as it is stored.

    Attributes:
        id: like an event's id, with the time of arrival.
        message, name, email: what the person has written. Only the message is never "".
        event_id: the id that an SDK gave the event that the message is about, "" if it names none.
        url: the page that the person was on, "" if unknown.
    """

    id: str
    message: str
    name: str = ""
    email: str = ""
    event_id: str = ""
    url: str = ""
