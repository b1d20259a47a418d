// Report every unhandled exception and rejection. Run `npm install @sentry/node`. Set SENTRY_DSN.
import * as Sentry from "@sentry/node";

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  release: "1.0.0",
  environment: process.env.NODE_ENV ?? "production",
});

null.length; // the bug
