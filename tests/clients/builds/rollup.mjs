// Builds the app in a folder with Rollup and the plugin for it.
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { sentryRollupPlugin } from "@sentry/rollup-plugin";
import { rollup } from "rollup";
import esbuild from "rollup-plugin-esbuild";
import { options } from "./plugin.mjs";

const [folder] = process.argv.slice(2);
const bundle = await rollup({
  input: `${folder}/src/page.ts`,
  plugins: [
    nodeResolve({ browser: true }),
    esbuild({ minify: true, target: "es2022" }),
    sentryRollupPlugin(options),
  ],
});
await bundle.write({
  dir: `${folder}/dist`,
  entryFileNames: "[name]-[hash].js",
  format: "es",
  sourcemap: true,
});
await bundle.close();
