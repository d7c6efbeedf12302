import { defineConfig } from "tsdown"

export default defineConfig({
  // The thread that checks signatures starts from a file of its own.
  entry: { main: "src/main.ts", SignatureWorker: "../../packages/relay/src/SignatureWorker.ts" },
  format: "esm",
  platform: "node",
  dts: false,
  minify: true,
  deps: { alwaysBundle: [/.*/], neverBundle: ["secp256k1"], onlyBundle: false }
})
