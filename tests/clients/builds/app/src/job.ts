import * as Sentry from "@sentry/node";
import { Cart } from "./cart";
import { notice } from "./notice";

Sentry.init({ shutdownTimeout: 60_000 });
console.info(notice);

async function pay(): Promise<void> {
  const { checkout } = await import("./checkout");
  checkout(new Cart(), ["LMP-0417", "RUG-7720"]);
}

await pay().catch(Sentry.captureException);
await Sentry.flush(60_000);
