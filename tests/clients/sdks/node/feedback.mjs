// Reports an error, and what a person said about it. The SDK reads SENTRY_DSN.
import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", environment: "staging" });
const associatedEventId = Sentry.captureException(new Error("no price for RUG-7720"));
Sentry.captureFeedback({
  name: "Kim",
  email: "kim@example.org",
  message: "The cart shows no price.",
  url: "https://shop.example/cart",
  associatedEventId,
});
await Sentry.flush(60_000);
