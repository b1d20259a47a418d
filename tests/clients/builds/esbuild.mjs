// Builds the app in a folder for browsers and Node.js, without a plugin: sentry-cli uploads.
import { build } from "esbuild";

const [folder] = process.argv.slice(2);
const common = {
  absWorkingDir: folder,
  bundle: true,
  format: "esm",
  minify: true,
  sourcemap: true,
  splitting: true,
};
await build({ ...common, entryPoints: ["src/page.ts"], outdir: "dist/page" });
await build({
  ...common,
  entryPoints: ["src/job.ts"],
  outdir: "dist/job",
  outExtension: { ".js": ".mjs" },
  platform: "node",
  packages: "external",
  target: "node20",
});
