// Reports an error with two files. The SDK reads SENTRY_DSN.
import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", environment: "staging" });
Sentry.captureException(new Error("no price for RUG-7720"), {
  attachments: [
    { filename: "cart.json", data: JSON.stringify({ number: 17 }), contentType: "application/json" },
    { filename: "noise.bin", data: new Uint8Array(300_000).map((_, at) => (at * at) % 251) },
  ],
});
await Sentry.flush(60_000);
