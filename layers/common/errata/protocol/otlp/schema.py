"""The messages of OTLP, as far as Errata reads them.

Source: opentelemetry-proto, `common/v1`, `resource/v1`, `logs/v1` and `trace/v1`. A test compares
the numbers with the published package.
"""

from errata.protocol.otlp.protobuf import MessageType

ANY_VALUE = MessageType({})
KEY_VALUE = MessageType({1: ("key", "text"), 2: ("value", ANY_VALUE)})
ARRAY_VALUE = MessageType({1: ("values", [ANY_VALUE])})
KEY_VALUE_LIST = MessageType({1: ("values", [KEY_VALUE])})
ANY_VALUE.fields = {
    1: ("stringValue", "text"),
    2: ("boolValue", "bool"),
    3: ("intValue", "signed"),
    4: ("doubleValue", "double"),
    5: ("arrayValue", ARRAY_VALUE),
    6: ("kvlistValue", KEY_VALUE_LIST),
    7: ("bytesValue", "bytes"),
}
RESOURCE = MessageType({1: ("attributes", [KEY_VALUE])})
SCOPE = MessageType({1: ("name", "text"), 2: ("version", "text")})
LOG_RECORD = MessageType(
    {
        1: ("timeUnixNano", "time"),
        2: ("severityNumber", "number"),
        3: ("severityText", "text"),
        5: ("body", ANY_VALUE),
        6: ("attributes", [KEY_VALUE]),
        9: ("traceId", "hex"),
        10: ("spanId", "hex"),
        11: ("observedTimeUnixNano", "time"),
        12: ("eventName", "text"),
    }
)
SPAN_EVENT = MessageType(
    {
        1: ("timeUnixNano", "time"),
        2: ("name", "text"),
        3: ("attributes", [KEY_VALUE]),
    }
)
SPAN = MessageType(
    {
        1: ("traceId", "hex"),
        2: ("spanId", "hex"),
        5: ("name", "text"),
        9: ("attributes", [KEY_VALUE]),
        11: ("events", [SPAN_EVENT]),
    }
)
# Field numbers that are the same for logs and traces: ExportLogsServiceRequest.resource_logs,
# ResourceLogs.resource, ResourceLogs.scope_logs, ScopeLogs.scope, ScopeLogs.log_records.
RESOURCES, RESOURCE_OF, SCOPES, SCOPE_OF, RECORDS = 1, 1, 2, 1, 2
SEVERITY = 2  # LogRecord.severity_number
