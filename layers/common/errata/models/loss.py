"""Why an event that was sent is not in the log, or not in full."""

# In the order in which people see them. `trimmed` was stored, but not in full; `mismatch` repeated
# an Idempotency-Key with another body, which was not stored.
REASONS = (
    "invalid",
    "rate_limited",
    "quota",
    "billing",
    "ip",
    "too_large",
    "trimmed",
    "mismatch",
)
# Why an SDK says that it has not sent an event (its development documentation, "Client Reports");
# what else it says counts as `sdk_other`. The ledger keeps these apart from our own.
SDK_REASONS = (
    "sdk_queue_overflow",
    "sdk_cache_overflow",
    "sdk_buffer_overflow",
    "sdk_ratelimit_backoff",
    "sdk_network_error",
    "sdk_sample_rate",
    "sdk_before_send",
    "sdk_event_processor",
    "sdk_send_error",
    "sdk_internal_sdk_error",
    "sdk_insufficient_data",
    "sdk_backpressure",
    "sdk_ignored",
    "sdk_invalid",
    "sdk_other",
)
# What a function logs: project, reason, and how many. The subscription filters look for the first
# words (template.yaml).
LINE = "event lost: project %s, %s"
MANY = f"{LINE}, %d"
