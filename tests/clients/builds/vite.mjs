// Builds the app in a folder with Vite and the plugin for it.
import { sentryVitePlugin } from "@sentry/vite-plugin";
import { build } from "vite";
import { options } from "./plugin.mjs";

const [folder] = process.argv.slice(2);
await build({
  configFile: false,
  root: folder,
  logLevel: "error",
  build: { sourcemap: true },
  plugins: [sentryVitePlugin(options)],
});
