// An Express application on loopback with a route that fails. The SDK reads SENTRY_DSN, and
// comes first: node --import ./instrument.mjs express.mjs
import * as Sentry from "@sentry/node";
import express from "express";

const app = express();
app.use(express.json());
app.post("/checkout/:number", (request, response) => {
  Sentry.setUser({ id: "42", email: "kim@example.org" });
  Sentry.setTag("cohort", "b");
  Sentry.addBreadcrumb({ category: "cart", message: "cart opened" });
  Sentry.captureMessage("A checkout began", "info");
  response.json(share(12900, request.body.payer));
});
Sentry.setupExpressErrorHandler(app);

function share(cents, payer) {
  return `${payer.name} pays ${cents}`;
}

const server = app.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}/checkout/17?people=0`;
  const headers = { "Content-Type": "application/json", "User-Agent": "Shopper/1.0" };
  await fetch(url, { method: "POST", headers, body: JSON.stringify({ sku: "LMP-0417" }) });
  await Sentry.flush(60_000);
  process.exit();
});
