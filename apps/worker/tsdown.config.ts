import { defineConfig } from "tsdown"

export default defineConfig({
  entry: ["src/main.ts"],
  format: "esm",
  platform: "node",
  dts: false,
  minify: true,
  deps: { alwaysBundle: [/.*/], neverBundle: ["secp256k1"], onlyBundle: false }
})
