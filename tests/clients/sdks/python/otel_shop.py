"""A shop with OpenTelemetry. The exporters read their settings from OTEL_…, as any program's do."""

import logging

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
trace.set_tracer_provider(spans)
tracer = trace.get_tracer("shop")
logger = logging.getLogger("shop.cart")
logger.addHandler(LoggingHandler(logger_provider=logs))
logger.setLevel(logging.INFO)


class NoPriceError(LookupError):
    """An article has no price."""


def price_of(sku: str) -> int:
    prices = {"LMP-0417": 12900}
    try:
        return prices[sku]
    except KeyError as error:
        raise NoPriceError(f"no price for {sku}") from error


with tracer.start_as_current_span("GET /articles"):
    logger.info("articles listed")
try:
    with tracer.start_as_current_span("GET /cart", attributes={"cart.number": 17}):
        try:
            price_of("RUG-7720")
        except NoPriceError:
            # The span says it, too, when it ends.
            logger.exception("cart %d cannot be priced", 17)
            raise
except NoPriceError:
    pass
logger.error("stock of %s is %d", "LMP-0417", -1)
spans.shutdown()
logs.shutdown()
