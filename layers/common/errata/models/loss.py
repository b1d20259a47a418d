"""Loss reasons: why an event was not stored, or not stored in full."""

# In the order in which they are shown. `trimmed`: the event was stored, but not in full.
# `unsupported`: an error in a form that Errata cannot read, such as a minidump.
# `mismatch`: the request repeated an Idempotency-Key with another body, which was not stored.
# `issue_cap`: an issue had too many events in an hour. `throttled`: more events of the project
# arrived than its partition takes.
# `monitors`: a check-in of a monitor beyond the most that a project may have.
# `unavailable`: a function or the store failed. A client that sent the event again lost nothing.
REASONS = (
    "invalid",
    "rate_limited",
    "issue_cap",
    "throttled",
    "quota",
    "billing",
    "ip",
    "too_large",
    "unsupported",
    "trimmed",
    "mismatch",
    "monitors",
    "unavailable",
)
# The reasons that SDKs report for events that they did not send (SDK development documentation,
# "Client Reports"). Any other reason counts as `sdk_other`.
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
# Reasons that need no action by the owners: the event was stored, or their own settings of the SDK
# dropped it.
HARMLESS = frozenset(
    ("trimmed", "sdk_sample_rate", "sdk_before_send", "sdk_event_processor", "sdk_ignored")
)
# The log line of lost events: the project, and one or more reasons, each with the number of events
# unless that is one: `quota` or `sdk_before_send, 7; sdk_other`. The subscription filters in
# template.yaml match its first words.
LINE = "event lost: project %s, %s"
# The log line of a project that has reached one of these numbers of events in an hour. The same
# filters match it.
BUSY = "no event lost yet: project %s has had %d events in an hour"
BUSY_EVENTS = (10_000, 100_000, 1_000_000, 10_000_000)
# The log line of an organization that has used most of its quota. The same filters match it.
LOW_QUOTA = "no event lost yet: organization %s has used 80 %% of its quota of %s"
