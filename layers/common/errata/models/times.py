"""Durations that depend on each other, or on durations in template.yaml.

tests/unit/test_times.py checks these relations. Other durations are defined where they are used.
"""

_DAY_S = 86_400

# ------------------------------------------------------------------ events and their ids

# An event is stored at most this long after the time in its id. So no function that stores events
# may run longer. The clocks of functions agree within milliseconds.
CLEAR_MARGIN_MS = 30_000
# An SDK event that arrives this soon after it happened, by its sender's clock, gets an id with the
# time when it happened. With the timeout of the function, that is within CLEAR_MARGIN_MS.
PROMPT_MS = 10_000
# An index lags behind its table, usually briefly, but without a guaranteed limit. So events younger
# than this are read from the table itself, with strong consistency. More than CLEAR_MARGIN_MS.
INDEX_LAG_MS = 5 * 60 * 1000
# How long one request of the read endpoint reads. The function has 25 seconds; 5,000 of the largest
# events take 40.
MAX_SCAN_MS = 10_000

# ------------------------------------------------------------------ caches and deletion

# How long a process caches a look-up. A change takes effect within this time.
CACHE_TTL_MS = 30_000
# A cleared event that expires within this time is left to DynamoDB, which deletes it free of
# charge. With the default retention, that is every event.
LEFT_TO_EXPIRE_S = 30 * _DAY_S
# How far in the future the watermark of a deleted project is: twice as long as events can still
# arrive. A key works for as long as it is cached (CACHE_TTL_MS), and the function of the last
# request may run for CLEAR_MARGIN_MS.
DELETED_AHEAD_MS = 2 * (CACHE_TTL_MS + CLEAR_MARGIN_MS)
# API Gateway needs this time to learn a new gateway key. An old one is kept as long, because
# authorizers cache it for CACHE_TTL_MS.
SETTLING_MS = 5 * 60 * 1000

# ------------------------------------------------------------------ streams, queues and dedup

# How long a DynamoDB stream keeps its records.
STREAM_KEPT_MS = _DAY_S * 1000
# How long Lambda retries an asynchronous invocation, at most.
ASYNC_RETRIED_S = 6 * 3600
# Digest counts an event within this time, unless it is behind. It collects events for
# `DigestWindow`, which is at most five minutes.
DIGESTED_MS = 6 * 60 * 1000
# How long a dead-letter queue keeps a message: the maximum of SQS.
DEAD_LETTER_KEPT_S = 14 * _DAY_S
# How long the dedup marker of a counted batch of losses is kept. Longer than Lambda may deliver the
# batch again (ASYNC_RETRIED_S) and an operator may redrive it (DEAD_LETTER_KEPT_S).
LOSS_BATCH_KEPT_S = 15 * _DAY_S
# How long the tombstone of a deleted issue is kept. It outlives every event that can still reach
# digest: in the stream (STREAM_KEPT_MS), then in the dead-letter queue (DEAD_LETTER_KEPT_S).
TOMBSTONE_KEPT_S = 15 * _DAY_S
# How long a closed issue is kept, so that its return is a regression.
CLOSED_KEPT_S = 365 * _DAY_S
# How long a known release is kept after the release was last seen: at least this long, and up to
# KNOWN_RENEWED_S longer, because its row is only rewritten once in that time. As long as a closed
# issue is kept, which may be resolved in the release.
RELEASE_KNOWN_S = CLOSED_KEPT_S
KNOWN_RENEWED_S = 30 * _DAY_S

# ------------------------------------------------------------------ webhooks

# A webhook that fails for this long is disabled.
FAILING_TOO_LONG_MS = 5 * _DAY_S * 1000
# How long attempts and the state of deliveries are kept. Longer than FAILING_TOO_LONG_MS, so that
# all messages that a disabled webhook missed can be redelivered. Longer than a queue keeps a
# message, so that a second copy finds the state of its delivery.
DELIVERY_KEPT_S = 30 * _DAY_S

# ------------------------------------------------------------------ dashboard

# How long a session lasts: as long as a refresh token of the user pool.
SESSION_LIFETIME_MS = 7 * _DAY_S * 1000
