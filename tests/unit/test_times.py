"""errata.models.times: the times there, and those of template.yaml, fit each other."""

import pytest

from dev.template import load
from errata.models.times import (
    ASYNC_RETRIED_S,
    CACHE_TTL_MS,
    CLEAR_MARGIN_MS,
    DEAD_LETTER_KEPT_S,
    DELETED_AHEAD_MS,
    DELIVERY_KEPT_S,
    DIGESTED_MS,
    FAILING_TOO_LONG_MS,
    INDEX_LAG_MS,
    LOSS_BATCH_KEPT_S,
    MAX_SCAN_MS,
    PROMPT_MS,
    SESSION_LIFETIME_MS,
    SETTLING_MS,
    STREAM_KEPT_MS,
    TOMBSTONE_KEPT_S,
)
from errata.outbound.post import TIMEOUT_S
from errata.usecases.deliver import MAX_RETRY_AFTER_S, PAUSES
from tests.support import template
from tests.unit.test_timeouts import patience_s, timeout_s

QUEUE = template.of_type("AWS::SQS::Queue")["WebhookQueue"]


@pytest.mark.parametrize("function", sorted(set(template.routes().values())))
def test_an_id_is_minted_within_the_margin_of_a_clear(function: str) -> None:
    assert timeout_s(function) * 1000 < CLEAR_MARGIN_MS


def test_the_id_of_an_sdk_s_event_has_a_timestamp_within_the_margin_of_a_clear() -> None:
    assert PROMPT_MS + timeout_s("SentryIngestFunction") * 1000 < CLEAR_MARGIN_MS


def test_the_lag_of_an_index_is_longer_than_the_margin_of_a_clear() -> None:
    assert INDEX_LAG_MS > CLEAR_MARGIN_MS


def test_a_read_ends_before_its_function_does() -> None:
    assert MAX_SCAN_MS / 1000 + patience_s() < timeout_s("ReadEventsFunction")


def test_a_deleted_project_hides_events_for_as_long_as_its_keys_work() -> None:
    assert DELETED_AHEAD_MS >= CACHE_TTL_MS + CLEAR_MARGIN_MS


def test_a_gateway_key_is_kept_for_as_long_as_authorizers_cache_it() -> None:
    assert SETTLING_MS > CACHE_TTL_MS


def test_an_erasure_waits_for_the_longest_window_of_digest() -> None:
    longest_s = load()["Parameters"]["DigestWindow"]["MaxValue"]
    assert (longest_s + timeout_s("DigestFunction")) * 1000 <= DIGESTED_MS


@pytest.mark.parametrize("function", ["DigestFunction", "CleanupFunction"])
def test_a_record_is_dead_lettered_before_the_stream_drops_it(function: str) -> None:
    events = template.of_type("AWS::Serverless::Function")[function]["Events"]
    (mapping,) = (each["Properties"] for each in events.values() if each["Type"] == "DynamoDB")
    assert mapping["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
    # The last run may begin at that age.
    oldest_s = mapping["MaximumRecordAgeInSeconds"] + timeout_s(function)
    assert oldest_s * 1000 < STREAM_KEPT_MS


def test_dead_letters_are_kept_as_long_as_markers_expect() -> None:
    for name, queue in template.of_type("AWS::SQS::Queue").items():
        if name.endswith("DeadLetterQueue"):
            assert queue["MessageRetentionPeriod"] == DEAD_LETTER_KEPT_S


def test_a_marker_outlives_the_records_that_it_recognizes() -> None:
    assert LOSS_BATCH_KEPT_S > ASYNC_RETRIED_S + DEAD_LETTER_KEPT_S
    assert TOMBSTONE_KEPT_S >= STREAM_KEPT_MS / 1000 + DEAD_LETTER_KEPT_S


def test_a_message_stays_queued_until_its_last_attempt() -> None:
    longest_s = sum(max(pause, MAX_RETRY_AFTER_S) for pause in PAUSES)
    assert longest_s < QUEUE["MessageRetentionPeriod"]
    assert len(PAUSES) < QUEUE["RedrivePolicy"]["maxReceiveCount"]


def test_the_state_of_a_delivery_outlives_its_message() -> None:
    assert QUEUE["MessageRetentionPeriod"] + DEAD_LETTER_KEPT_S < DELIVERY_KEPT_S


def test_deliveries_are_kept_longer_than_a_webhook_may_fail() -> None:
    assert DELIVERY_KEPT_S > FAILING_TOO_LONG_MS / 1000


def test_an_attempt_ends_before_another_dispatcher_gets_its_message() -> None:
    timeout = timeout_s("WebhookDispatcherFunction")
    assert timeout > TIMEOUT_S
    assert QUEUE["VisibilityTimeout"] >= 6 * timeout


def test_a_session_lasts_as_long_as_its_refresh_token() -> None:
    clients = template.of_type("AWS::Cognito::UserPoolClient")
    assert clients
    for client in clients.values():
        assert client["TokenValidityUnits"]["RefreshToken"] == "days"
        assert client["RefreshTokenValidity"] * 86_400_000 == SESSION_LIFETIME_MS
