// A shop with OpenTelemetry. The exporters read their settings from OTEL_…, as any program's do:
// that of spans sends protobuf, that of log records JSON.
import { context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { detectResources, envDetector, defaultResource } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));
const spans = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const logs = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })],
});
const tracer = spans.getTracer("shop");
const logger = logs.getLogger("shop.cart");

class NoPriceError extends Error {
  name = "NoPriceError";
}

function priceOf(sku) {
  const prices = { "LMP-0417": 12900 };
  if (!(sku in prices)) throw new NoPriceError(`no price for ${sku}`);
  return prices[sku];
}

tracer.startSpan("GET /articles").end();
const span = tracer.startSpan("GET /cart", { attributes: { "cart.number": 17 } });
try {
  priceOf("RUG-7720");
} catch (error) {
  span.recordException(error);
  const within = trace.setSpan(context.active(), span);
  logger.emit({
    severityNumber: SeverityNumber.ERROR,
    body: "cart 17 cannot be priced",
    attributes: {
      "exception.type": error.name,
      "exception.message": error.message,
      "exception.stacktrace": error.stack,
    },
    context: within,
  });
}
span.end();
logger.emit({ severityNumber: SeverityNumber.ERROR, body: "stock of LMP-0417 is -1" });
logger.emit({ severityNumber: SeverityNumber.INFO, body: "articles listed" });
await spans.shutdown();
await logs.shutdown();
