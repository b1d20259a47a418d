"""Settings, read once from the environment variables that the template sets."""

import os
from dataclasses import dataclass
from functools import cache

# Names of the dead-letter queues, for the command and its output.
QUEUES = ("digest", "cleanup", "webhooks", "ledger", "maps", "capture", "monitors")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a function.

    The name of a table is "" in a function that does not use the table.
    """

    events_table: str
    issues_table: str
    projects_table: str
    idempotency_table: str
    retention_days: int
    issue_cap: int
    unmetered_key: str
    limited_key: str
    digest_dead_letter_url: str
    cleanup_dead_letter_url: str
    webhook_dead_letter_url: str
    ledger_dead_letter_url: str
    compile_maps_dead_letter_url: str
    log_capture_dead_letter_url: str
    log_capture_arn: str
    monitor_queue_url: str
    monitor_queue_arn: str
    monitor_dead_letter_url: str
    monitor_dead_letter_arn: str
    schedule_group: str
    scheduler_role_arn: str
    deliveries_table: str
    artifacts_table: str
    maps_bucket: str
    webhook_queue_url: str
    webhook_secrets: str
    webhooks_to_loopback: bool
    dashboard_url: str
    user_pool_id: str
    user_pool_client_id: str
    sign_in_domain: str
    sign_in_client: str
    identity_providers: tuple[str, ...]
    stripe_webhook_secret: str
    free_monthly_quota: int | None
    stack_name: str
    region: str
    sdk_url: str
    web_url: str
    mail_identity: str
    mail_from: str
    notice_topic: str
    alert_topic: str
    legacy_api: bool
    legacy_auto_create: bool
    legacy_read: bool
    legacy_clear: bool


def _names(providers: str) -> tuple[str, ...]:
    """Return the identity providers without COGNITO, which stands for the pool's own passwords."""
    return tuple(name for name in providers.split(",") if name not in ("", "COGNITO"))


@cache
def settings() -> Settings:
    """Return the cached settings. Call `settings.cache_clear()` after the environment changed."""
    env = os.environ.get
    free = env("FREE_MONTHLY_QUOTA", "")
    return Settings(
        events_table=env("EVENTS_TABLE", ""),
        issues_table=env("ISSUES_TABLE", ""),
        projects_table=env("PROJECTS_TABLE", ""),
        idempotency_table=env("IDEMPOTENCY_TABLE", ""),
        retention_days=int(env("RETENTION_DAYS", "30")),
        issue_cap=int(env("ISSUE_CAP", "100000")),
        unmetered_key=env("UNMETERED_KEY", ""),
        limited_key=env("LIMITED_KEY", ""),
        digest_dead_letter_url=env("DIGEST_DEAD_LETTER_URL", ""),
        cleanup_dead_letter_url=env("CLEANUP_DEAD_LETTER_URL", ""),
        webhook_dead_letter_url=env("WEBHOOK_DEAD_LETTER_URL", ""),
        ledger_dead_letter_url=env("LEDGER_DEAD_LETTER_URL", ""),
        compile_maps_dead_letter_url=env("COMPILE_MAPS_DEAD_LETTER_URL", ""),
        log_capture_dead_letter_url=env("LOG_CAPTURE_DEAD_LETTER_URL", ""),
        log_capture_arn=env("LOG_CAPTURE_ARN", ""),
        monitor_queue_url=env("MONITOR_QUEUE_URL", ""),
        monitor_queue_arn=env("MONITOR_QUEUE_ARN", ""),
        monitor_dead_letter_url=env("MONITOR_DEAD_LETTER_URL", ""),
        monitor_dead_letter_arn=env("MONITOR_DEAD_LETTER_ARN", ""),
        schedule_group=env("SCHEDULE_GROUP", ""),
        scheduler_role_arn=env("SCHEDULER_ROLE_ARN", ""),
        deliveries_table=env("DELIVERIES_TABLE", ""),
        artifacts_table=env("ARTIFACTS_TABLE", ""),
        maps_bucket=env("MAPS_BUCKET", ""),
        webhook_queue_url=env("WEBHOOK_QUEUE_URL", ""),
        webhook_secrets=env("WEBHOOK_SECRETS", ""),
        webhooks_to_loopback=env("WEBHOOKS_TO_LOOPBACK", "off") == "on",
        dashboard_url=env("DASHBOARD_URL", ""),
        user_pool_id=env("USER_POOL_ID", ""),
        user_pool_client_id=env("USER_POOL_CLIENT_ID", ""),
        sign_in_domain=env("SIGN_IN_DOMAIN", ""),
        sign_in_client=env("SIGN_IN_CLIENT", ""),
        identity_providers=_names(env("IDENTITY_PROVIDERS", "")),
        stripe_webhook_secret=env("STRIPE_WEBHOOK_SECRET", ""),
        free_monthly_quota=int(free) if free else None,
        stack_name=env("STACK_NAME", ""),
        region=env("AWS_REGION") or env("AWS_DEFAULT_REGION", ""),
        sdk_url=env("SDK_URL", "").rstrip("/"),
        web_url=env("WEB_URL", "").rstrip("/"),
        mail_identity=env("MAIL_IDENTITY", ""),
        mail_from=env("MAIL_FROM", ""),
        notice_topic=env("NOTICE_TOPIC", ""),
        alert_topic=env("ALERT_TOPIC", ""),
        legacy_api=env("LEGACY_API", "on") == "on",
        legacy_auto_create=env("LEGACY_AUTO_CREATE", "on") == "on",
        legacy_read=env("LEGACY_READ", "on") == "on",
        legacy_clear=env("LEGACY_CLEAR", "on") == "on",
    )
