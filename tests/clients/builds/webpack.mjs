// Builds the app in a folder with webpack and the plugin for it.
import { sentryWebpackPlugin } from "@sentry/webpack-plugin";
import webpack from "webpack";
import { options } from "./plugin.mjs";

const [folder] = process.argv.slice(2);
const rules = [{ test: /\.ts$/, loader: "esbuild-loader", options: { target: "es2022" } }];
const configuration = {
  mode: "production",
  context: folder,
  devtool: "source-map",
  entry: { page: "./src/page.ts" },
  module: { rules },
  output: { path: `${folder}/dist`, filename: "[name]-[contenthash].js", publicPath: "/" },
  plugins: [sentryWebpackPlugin(options)],
  resolve: { extensions: [".ts", ".js"] },
  resolveLoader: { modules: [`${import.meta.dirname}/node_modules`] },
};

webpack(configuration, (error, stats) => {
  if (error || stats.hasErrors()) {
    console.error(error ?? stats.toString());
    process.exitCode = 1;
  }
});
