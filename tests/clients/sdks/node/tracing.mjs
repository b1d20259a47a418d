// Sends a transaction and an error, then as many transactions as its argument says.
import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", tracesSampleRate: 1 });
Sentry.startSpan({ name: "begin", forceTransaction: true }, () => {});
await Sentry.flush(60_000);
for (let number = 0; number < Number(process.argv[2]); number += 1) {
  Sentry.startSpan({ name: `checkout ${number}`, forceTransaction: true }, () => {});
}
Sentry.captureException(new Error("no price"));
await Sentry.flush(60_000);
