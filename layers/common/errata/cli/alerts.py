"""`errata alerts`: add, edit, list, remove, mute, test, log, channel, remove-channel, enable."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, Needs, ProjectId, command, group
from errata.cli.output import print_fields, print_json, print_line, print_table, utc
from errata.cli.source import ask, change
from errata.models.alert import KINDS, LEVELS
from errata.models.ids import now_ms
from errata.protocol.channels import CHANNELS
from errata.protocol.read import iso

app = group("Manage a project's alerts: who is told about its issues.", example="alerts list 1")

RuleId = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id, from `alerts list`.")]
ChannelId = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel's id, from `alerts list`.")
]
_TO = (
    f"Where to send them: {', '.join(f'{kind}=…' for kind, c in CHANNELS.items() if c.asks_for)},"
    f" {', '.join(kind for kind, c in CHANNELS.items() if not c.asks_for)}, or a channel's id."
    " Repeatable."
)
On = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND", help=f"Alerts to send: {', '.join(KINDS)}. Repeatable."),
]
To = Annotated[list[str] | None, typer.Option(metavar="CHANNEL", help=_TO)]
RuleEnvironment = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only events of this environment.")
]
RuleLevel = Annotated[
    str | None, typer.Option(metavar="LEVEL", help=f"This level or worse: {', '.join(LEVELS)}.")
]
RuleRelease = Annotated[
    str | None, typer.Option(metavar="RELEASE", help="Only this release. * stands for any text.")
]
RuleTag = Annotated[
    str | None, typer.Option(metavar="KEY=VALUE", help="Only events with this tag.")
]
RuleEvents = Annotated[
    str | None,
    typer.Option(metavar="N/MINUTES", help="With --on events: 100/10 is 100 in 10 min."),
]
RuleUsers = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="With --on users: how many users.")
]
Quiet = Annotated[
    str | None,
    typer.Option(metavar="HOURS", help="Send later: '22:00-07:00 Europe/Vienna'. Default: UTC."),
]
Cooldown = Annotated[
    str | None, typer.Option(metavar="TIME", help="At most one message per issue in 30m, 24h, 7d.")
]


@command(
    app,
    "add",
    example="alerts add 1 --on new --on regressed --to slack=URL --cooldown 30m",
    needs=Needs.STACK_OR_WEB,
)
def add(
    ctx: CommandContext,
    project_id: ProjectId,
    on: On = None,
    to: To = None,
    environment: RuleEnvironment = None,
    level: RuleLevel = None,
    release: RuleRelease = None,
    tag: RuleTag = None,
    events: RuleEvents = None,
    users: RuleUsers = None,
    quiet: Quiet = None,
    cooldown: Cooldown = None,
) -> None:
    """Add a rule: which alerts go to which channels. Takes effect within 30 seconds.

    Addresses are stored encrypted, and are not shown again.
    """
    mails = _save(
        ctx,
        project_id,
        on=on,
        to=to,
        environment=environment,
        level=level,
        release=release,
        tag=tag,
        events=events,
        users=users,
        quiet=quiet,
        cooldown=cooldown,
    )
    for each in [] if ctx.json else mails:
        print_line(f"Send a test with `errata alerts test {project_id} {each}`.")


@command(
    app,
    "edit",
    example="alerts edit 1 4f6a0c1b --environment production --cooldown ''",
    needs=Needs.STACK_OR_WEB,
)
def edit(
    ctx: CommandContext,
    project_id: ProjectId,
    rule_id: RuleId,
    on: On = None,
    to: To = None,
    environment: RuleEnvironment = None,
    level: RuleLevel = None,
    release: RuleRelease = None,
    tag: RuleTag = None,
    events: RuleEvents = None,
    users: RuleUsers = None,
    quiet: Quiet = None,
    cooldown: Cooldown = None,
) -> None:
    """Change a rule. Options that you leave out change nothing; '' removes a filter.

    --on and --to replace all occasions and channels of the rule.
    """
    _save(
        ctx,
        project_id,
        rule_id=rule_id,
        on=on,
        to=to,
        environment=environment,
        level=level,
        release=release,
        tag=tag,
        events=events,
        users=users,
        quiet=quiet,
        cooldown=cooldown,
    )


def _save(ctx: CommandContext, project_id: str, **options: Any) -> list[str]:
    """Add or change a rule, and print it. Return its channels that are addresses of mail."""
    rule, more = change(ctx, project_id, "alerts/save", **options)
    if ctx.json:
        print_json(rule)
    else:
        print_fields({"id": rule["id"], "rule": more["sentence"]})
    mails: list[str] = more["mails"]
    return mails


@command(app, "list", example="alerts list 1", needs=Needs.STACK_OR_WEB)
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List a project's rules, and its channels with their state."""
    found, more = ask(ctx, project_id, "alerts/list")
    if ctx.json:
        print_json(found)
        return
    rules, channels = found["rules"], found["channels"]
    print_table(
        ["rule", "when", "conditions", "state"],
        [
            (each["id"], sentence, ", ".join(conditions), _muted(each["muted_until"]))
            for each, sentence, conditions in zip(
                rules, more["sentences"], more["conditions"], strict=True
            )
        ],
        empty=f"No rules: nobody is told. Add one with `errata alerts add {project_id}`.",
    )
    if channels:
        print_line("")
        print_table(
            ["channel", "name", "state"],
            [
                (each["id"], name, _state(each))
                for each, name in zip(channels, more["names"], strict=True)
            ],
        )


@command(app, "remove", example="alerts remove 1 4f6a0c1b", needs=Needs.STACK_OR_WEB)
def remove(ctx: CommandContext, project_id: ProjectId, rule_id: RuleId) -> None:
    """Remove a rule. Its channels stay. Takes effect within 30 seconds."""
    found = change(ctx, project_id, "alerts/remove", rule_id=rule_id).json
    _print_result(ctx, found, f"Removed rule {found['id']}.")


@command(app, "mute", example="alerts mute 1 4f6a0c1b --for 2h", needs=Needs.STACK_OR_WEB)
def mute(
    ctx: CommandContext,
    project_id: ProjectId,
    name: Annotated[str, typer.Argument(metavar="ID", help="The id of a rule or a channel.")],
    for_: Annotated[
        str, typer.Option("--for", metavar="TIME", help="30m, 2h, 7d. 0s: unmute.")
    ] = "1h",
) -> None:
    """Mute a rule or a channel for a time. Alerts of that time are not sent later."""
    found = change(ctx, project_id, "alerts/mute", name=name, for_=for_).json
    _print_result(ctx, found, f"{found['id']} is {_muted(found['muted_until']) or 'not muted'}.")


@command(app, "test", example="alerts test 1 4f6a0c1b", needs=Needs.STACK_OR_WEB)
def test(
    ctx: CommandContext,
    project_id: ProjectId,
    name: Annotated[str, typer.Argument(metavar="ID", help="The id of a rule or a channel.")],
) -> None:
    """Send a test to a channel, or to all channels of a rule. `alerts log` shows the result."""
    found = change(ctx, project_id, "alerts/test", name=name).json
    number = f"{len(found['sent'])} tests" if len(found["sent"]) > 1 else "1 test"
    log_ = ctx.command(f"alerts log {project_id}")
    _print_result(ctx, found, f"Sent {number}. See `{log_}`.")


@command(app, "log", example="alerts log 1", needs=Needs.STACK_OR_WEB)
def log(
    ctx: CommandContext,
    project_id: ProjectId,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed attempts.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of attempts.")] = 50,
) -> None:
    """List the attempts of the last 30 days to deliver alerts, newest first."""
    found, more = ask(ctx, project_id, "alerts/log", failed=failed, limit=limit)
    if ctx.json:
        print_json(found)
        return
    print_table(
        ["at (UTC)", "what", "issues", "channel", "no.", "status", "ms", "error"],
        [
            (
                utc(each["at"]),
                each["kind"],
                each["issues"],
                name,
                each["attempt"],
                each["status"] or "none",
                each["duration_ms"],
                each["error"],
            )
            for each, name in zip(found, more["names"], strict=True)
        ],
        empty="No alerts in the last 30 days.",
    )


@command(
    app,
    "channel",
    example="alerts channel 1 slack=URL --name '#shop-alerts'",
    needs=Needs.STACK_OR_WEB,
)
def channel(
    ctx: CommandContext,
    project_id: ProjectId,
    to: Annotated[str, typer.Argument(metavar="KIND=ADDRESS", help=_TO.partition(", or a")[0])],
    name: Annotated[str, typer.Option(metavar="NAME", help="A name for the channel.")] = "",
) -> None:
    """Add a channel, or rename the one with this address. Its address is not shown again."""
    added, more = change(ctx, project_id, "alerts/channel", to=to, name=name)
    _print_result(ctx, added, f"Channel {added['id']}: {more['name']}")


@command(
    app,
    "remove-channel",
    example="alerts remove-channel 1 4f6a0c1b2d3e",
    needs=Needs.STACK_OR_WEB,
)
def remove_channel(ctx: CommandContext, project_id: ProjectId, channel_id: ChannelId) -> None:
    """Remove a channel, also from the rules. A rule without channels is removed, too."""
    found = change(ctx, project_id, "alerts/remove-channel", channel_id=channel_id).json
    _print_result(ctx, found, f"Removed channel {found['id']}.")


@command(app, "enable", example="alerts enable 1 4f6a0c1b2d3e", needs=Needs.STACK_OR_WEB)
def enable(ctx: CommandContext, project_id: ProjectId, channel_id: ChannelId) -> None:
    """Enable a disabled channel. A 410 response disables one."""
    found = change(ctx, project_id, "alerts/enable", channel_id=channel_id).json
    _print_result(ctx, found, f"Channel {found['id']} is enabled.")


def _print_result(ctx: CommandContext, value: Any, sentence: str) -> None:
    if ctx.json:
        print_json(value)
    else:
        print_line(sentence)


def _muted(until: str | None) -> str:
    return f"muted until {utc(until)}" if until and until > iso(now_ms()) else ""


def _state(channel: dict[str, Any]) -> str:
    if channel["disabled_at"]:
        return f"disabled {utc(channel['disabled_at'])}: {channel['disabled_reason'] or ''}"
    since = channel["failing_since"]
    failing = f"failing since {utc(since)}" if since else ""
    return ", ".join(filter(None, (failing, _muted(channel["muted_until"])))) or "working"
