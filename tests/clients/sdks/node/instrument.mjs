// Loaded before the application, as the SDK's guide wants it.
import * as Sentry from "@sentry/node";

Sentry.init({
  release: "shop@1.2.3",
  environment: "staging",
  serverName: "web-1",
  tracesSampleRate: 1,
});
