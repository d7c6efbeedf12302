/** The processes of a trial bundled once, so that each start takes a third of a second. */
import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

/** The folder of the bundles; it goes away with the scope. */
export const make = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  // Where what is not bundled can still be found.
  const modules = fileURLToPath(new URL("../node_modules", import.meta.url))
  const folder = yield* fileSystem.makeTempDirectoryScoped({
    directory: modules,
    prefix: ".processes-"
  })
  yield* Effect.promise(() =>
    build({
      config: false,
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      entry: ["customer.ts", "provider.ts", "market.ts"],
      outDir: folder,
      format: "esm",
      platform: "node",
      dts: false,
      deps: {
        alwaysBundle: [/.*/],
        neverBundle: ["secp256k1", /^@buildonspark\//],
        onlyBundle: false
      },
      logLevel: "error"
    })
  )
  return folder
})
