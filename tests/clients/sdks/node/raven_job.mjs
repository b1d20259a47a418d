// A job that reports with raven, the SDK before @sentry/node. The SDK reads SENTRY_DSN.
import Raven from "raven";

Raven.config(process.env.SENTRY_DSN, {
  release: "shop@1.2.3",
  environment: "staging",
  name: "worker-7",
}).install();
Raven.setContext({
  user: { id: "42", email: "kim@example.org" },
  tags: { cohort: "b" },
  extra: { attempt: 3 },
});

function priceOf(sku) {
  const prices = { "LMP-0417": { cents: 12900 } };
  return prices[sku].cents;
}

Raven.captureBreadcrumb({ category: "cart", message: "cart opened", data: { number: 17 } });
Raven.captureMessage("Stock is being counted", { level: "info" }, () => priceOf("RUG-7720"));
