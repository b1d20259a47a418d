// Reports as many errors as its argument says, a moment apart, and prints how many it captured.
import { setTimeout as pause } from "node:timers/promises";

import * as Sentry from "@sentry/node";

Sentry.init({ release: "shop@1.2.3", environment: "staging" });
let captured = 0;
for (let number = 0; number < Number(process.argv[2]); number += 1) {
  captured += Sentry.captureException(new Error(`attempt ${number}`)) ? 1 : 0;
  await pause(50);
}
await Sentry.flush(60_000);
console.log(captured);
