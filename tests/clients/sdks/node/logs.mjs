// Logs with the SDK's own logger. The SDK reads SENTRY_DSN.
import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", environment: "staging", enableLogs: true });
Sentry.logger.info("articles listed");
Sentry.logger.error(Sentry.logger.fmt`stock of ${"LMP-0417"} is ${-1}`);
await Sentry.flush(60_000);
