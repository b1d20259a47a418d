// A job that reports by itself what goes wrong in it. The SDK reads SENTRY_DSN.
import * as Sentry from "@sentry/node";

Sentry.init({
  release: "shop@1.2.3",
  environment: "staging",
  serverName: "worker-7",
  includeLocalVariables: true,
  // How long the SDK may take to send what is left when the program fails.
  shutdownTimeout: 60_000,
});
Sentry.setUser({ id: "42", email: "kim@example.org", username: "kim" });
Sentry.setTag("cohort", "b");
Sentry.setContext("cart", { number: 17, skus: ["LMP-0417", "RUG-7720"] });
Sentry.setExtra("attempt", 3);

class NoPriceError extends Error {
  name = "NoPriceError";
}

function priceOf(sku) {
  const prices = { "LMP-0417": { cents: 12900 } };
  try {
    return prices[sku].cents;
  } catch (error) {
    throw new NoPriceError(`no price for ${sku}`, { cause: error });
  }
}

function total(skus) {
  let cents = 0;
  for (const sku of skus) {
    cents += priceOf(sku);
  }
  return cents;
}

async function pack() {
  throw new RangeError("the parcel is full");
}

Sentry.addBreadcrumb({ category: "cart", message: "cart opened", data: { number: 17 } });
console.warn("counted 2 articles");
Sentry.captureMessage("Stock is being counted", "info");
pack();
// The debugger that reads local variables attaches in another thread, later on a busy machine.
setTimeout(() => total(["LMP-0417", "RUG-7720"]), 4_000);
