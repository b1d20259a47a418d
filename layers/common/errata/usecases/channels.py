"""The channels of a project's alerts: where rules send to."""

import hashlib
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.alert import MEMBERS, AlertRule
from errata.models.ids import now_ms
from errata.models.webhook import WEBHOOK, Secrets, Webhook
from errata.outbound.guard import ForbiddenUrlError, check_url
from errata.protocol.channels import CHANNELS
from errata.store import alerts, mail, webhook_secrets, webhooks
from errata.store.members import list_members
from errata.usecases import audit, projects
from errata.usecases.deliver import members_channel
from errata.usecases.notify import in_force

MAX_CHANNELS = 20
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """Where a rule sends to, as a person gives it: `slack`, and a URL.

    An empty kind stands for a channel of the project with the id `address`.
    """

    kind: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """A project's rules, and its channels by id."""

    rules: list[AlertRule]
    channels: dict[str, Webhook]

    def name_of(self, channel_id: str) -> str:
        """Return what people call a channel."""
        channel = self.channels.get(channel_id)
        return name_of(channel) if channel else "a removed channel"


def name_of(channel: Webhook) -> str:
    """Return what people call a channel: its name, or its kind and what is shown of its address."""
    label = CHANNELS[channel.kind].label
    return channel.name or (f"{label} ({channel.url})" if channel.url else label)


def find_setup(project_id: str) -> Setup:
    """Return a project's rules and channels, with the defaults. Makes one call.

    The channel to its members exists if there is mail, or if it was used before.
    """
    found, rules, _ = alerts.find_receivers(project_id)
    channels = {each.id: each for each in found if each.kind != WEBHOOK}
    if settings().mail_identity or any(MEMBERS in each.channels for each in rules or ()):
        channels = {MEMBERS: members_channel(project_id)} | channels
    return Setup(in_force(project_id, rules), channels)


def problem_of(target: AlertTarget) -> str:
    """Return what is wrong with a target, "" if nothing is."""
    if not target.kind:
        return ""
    kind = CHANNELS.get(target.kind)
    if kind is None:
        return f"There is no channel {target.kind}. Choose from: {', '.join(CHANNELS)}."
    if kind.asks_for and not target.address:
        return f"{kind.label} needs {kind.asks_for}: {target.kind}=…"
    if not kind.asks_for and target.address:
        return f"{kind.label} needs no address. Write {target.kind}."
    if kind.kind == MEMBERS and not settings().mail_identity:
        return (
            "Members get no mail, because this deployment has no MailIdentityArn. Use email=ADDRESS"
            " or another channel."
        )
    if "://" in target.address or kind.example.startswith("https:"):
        try:
            check_url(target.address.partition("#")[0], settings().webhooks_to_loopback)
        except ForbiddenUrlError as error:
            return str(error)
    return kind.check(target.address)


def to_channel(project_id: str, target: AlertTarget, setup: Setup) -> Webhook:
    """Return the channel of a target. Create it if it does not exist yet."""
    if not target.kind:
        return setup.channels[target.address]
    if target.kind == MEMBERS:
        return members_channel(project_id)
    # The same address is the same channel.
    channel_id = _id_of(project_id, target)
    if channel_id in setup.channels:
        return setup.channels[channel_id]
    return _create(project_id, channel_id, target, len(setup.channels))


def _create(project_id: str, channel_id: str, target: AlertTarget, others: int) -> Webhook:
    if others >= MAX_CHANNELS:
        raise InvalidInputError(
            {"to": [f"A project has at most {MAX_CHANNELS} channels. Remove one first."]}
        )
    kind = CHANNELS[target.kind]
    shown = kind.hint(target.address)
    channel = Webhook(channel_id, project_id, shown, (), now_ms(), kind=target.kind)
    if kind.secret:
        # Before the channel, so that every listed channel has its address.
        webhook_secrets.save_secrets(project_id, channel_id, Secrets(target.address))
    elif target.kind == "email" and not _gets_mail(project_id, target.address):
        channel = replace(channel, subscription=mail.subscribe(target.address))
    webhooks.save_webhook(channel)
    return channel


def _id_of(project_id: str, target: AlertTarget) -> str:
    name = f"{project_id}\0{target.kind}\0{target.address}"
    return hashlib.blake2s(name.encode(), digest_size=6).hexdigest()


def end_subscription(channel: Webhook) -> None:
    """End the subscription of an e-mail channel, unless another project tells the same address."""
    if not channel.subscription:
        return
    target = AlertTarget(channel.kind, channel.url)
    others = [each.id for each in projects.list_owned() if each.id != channel.project_id]
    if not webhooks.some_exist((each, _id_of(each, target)) for each in others):
        mail.unsubscribe(channel.subscription)


def _gets_mail(project_id: str, address: str) -> bool:
    """Return whether an address gets mail unconfirmed: SES mails a member of the organization."""
    if not settings().mail_identity:
        return False
    project = projects.find(project_id)
    found = list_members(project.organization)
    return any(each.email == address.lower() and each.sees(project) for each in found)


def _host(target: AlertTarget) -> str:
    return f"{target.kind} {urlsplit(target.address).hostname or ''}".strip()


@audit.recorded("alert channel added", "name", target=_host)
def add(project_id: str, target: AlertTarget, name: str = "") -> Webhook:
    """Add a channel, or rename one with the same address.

    Raises:
        InvalidInputError: the address or the name is not allowed, or there are already 20.
        NotFoundError: there is no such project.
    """
    projects.find_to_change(project_id)
    if problem := problem_of(target):
        raise InvalidInputError({"to": [problem]})
    if len(name) > MAX_NAME or not (name or " ").isprintable():
        raise InvalidInputError({"name": [f"A name has up to {MAX_NAME} characters, in one line."]})
    channel = to_channel(project_id, target, find_setup(project_id))
    if name and name != channel.name:
        webhooks.update_webhook(channel, name=name)
    return replace(channel, name=name or channel.name)


@audit.recorded("alert channel enabled", "channel_id")
def enable(project_id: str, channel_id: str) -> None:
    """Enable a channel that was disabled, for example after a 410.

    Raises:
        NotFoundError: the project has no such channel.
    """
    channel = find(project_id, channel_id)
    webhooks.update_webhook(
        channel, disabled_at=None, disabled_reason=None, failing_since=None, failures=None
    )


def find(project_id: str, channel_id: str) -> Webhook:
    """Return a channel.

    Raises:
        NotFoundError: the project has no such channel.
    """
    channel = find_setup(project_id).channels.get(channel_id)
    if channel is None:
        raise NotFoundError(
            f"Project {project_id} has no channel {channel_id}."
            f" See `errata alerts list {project_id}`."
        )
    return channel
