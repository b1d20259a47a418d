// Reports as many errors as its argument says, each when the one before was sent, and prints how many
// it captured.
import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", environment: "staging" });
let captured = 0;
for (let number = 0; number < Number(process.argv[2]); number += 1) {
  const sent = new Promise((resolve) => {
    const stop = Sentry.getClient().on("afterSendEvent", () => resolve(stop));
  });
  captured += Sentry.captureException(new Error(`attempt ${number}`)) ? 1 : 0;
  (await sent)();
}
await Sentry.flush(60_000);
console.log(captured);
