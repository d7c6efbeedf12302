import { defineConfig } from "tsdown"

export default defineConfig({
  entry: ["src/main.ts"],
  format: "esm",
  platform: "node",
  dts: false,
  minify: true,
  // What is not bundled is optional: it is looked for when it is first needed.
  deps: {
    alwaysBundle: [/.*/],
    neverBundle: ["secp256k1", /^@buildonspark\//],
    onlyBundle: false
  }
})
