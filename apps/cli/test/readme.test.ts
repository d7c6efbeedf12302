import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import * as Cli from "./support/Cli.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

describe("the README", () => {
  it.live("its program runs as it is written", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const readme = yield* fs.readFileString(path("../../../README.md"))
      const program = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ""
      const market = yield* Cli.market()
      // Beside the package, because it imports what the package depends on.
      const folder = yield* fs.makeTempDirectoryScoped({ directory: path("../node_modules") })
      const file = `${folder}/readme.mjs`
      yield* fs.writeFileString(file, program.replace("ws://127.0.0.1:7777", market.relay))
      const handle = yield* ChildProcess.make(process.execPath, [file], {
        env: { ...(yield* market.account(0)), FARTHING_RELAYS_URLS: "" },
        extendEnv: false,
        stdin: "ignore"
      })
      const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
      assert.strictEqual(yield* handle.exitCode, 0, output)
      assert.match(output, /^Result: .+/m)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )
})
