import * as Sentry from "@sentry/browser";
import { Cart } from "./cart";
import { notice } from "./notice";

declare global {
  interface Window {
    SENTRY_DSN: string;
    SHOP: Record<string, string>;
  }
}

Sentry.init({ dsn: window.SENTRY_DSN, ...window.SHOP });
console.info(notice);

async function pay(): Promise<void> {
  const { checkout } = await import("./checkout");
  checkout(new Cart(), ["LMP-0417", "RUG-7720"]);
}

document.querySelector("button")!.addEventListener("click", () => {
  setTimeout(async () => {
    await Sentry.flush(60_000);
    document.title = "Sent";
  }, 500);
  void pay();
});
document.title = "Ready";
