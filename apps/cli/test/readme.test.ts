import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
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

  it.live("a new user's first agent lives for five ticks, by these lines alone", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const readme = yield* fs.readFileString(path("../../../README.md"))
      const [, section = ""] = /## Your first agent\n([^]*?)\n## /.exec(readme) ?? []
      const blocks = [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, block = ""]) => block)
      const [making = "", paying = "", watching = ""] = blocks
      const market = yield* Cli.market(["--balance-sats", "1000"])
      const mine = yield* market.account(0)
      const other = yield* market.account(1)

      const made = yield* shell(making, mine)
      const invoice = /^lnbcrt\w+$/m.exec(made)?.[0] ?? ""
      assert.notStrictEqual(invoice, "", made)
      yield* shell(paying.replace(/lnbcrt\S+/, invoice), other)
      const watched = yield* shell(watching, mine)

      const [live = "", shown = ""] = watched.split(/^(?=agent +heron$)/m)
      assert.strictEqual(live.match(/ heartbeat · took .* · 10 sats$/gm)?.length, 5, watched)
      assert.strictEqual(shown.match(/ heartbeat · took .* · 10 sats$/gm)?.length, 5, watched)
      assert.match(shown, /^spent +50 sats today, 50 sats ever$/m)
      assert.match(shown, /\(1,000 sats, /)
      assert.match(shown, /^ +✓ POST: The farthing was a quarter of a penny\.$/m)
      assert.match(shown, /^ +✓ POST: Now it buys one thought\.$/m)
      assert.match(shown, /^ +g1 +Tell the world of the farthing \(yours\)$/m)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )
})

/** What a shell prints that is given these lines, in which `farthing` is the command; none may fail. */
const shell = Effect.fnUntraced(function* (lines: string, env: Cli.Env) {
  const script = `set -e\nfarthing() { "$NODE" "$FARTHING" "$@"; }\n${lines}`
  const handle = yield* ChildProcess.make("bash", ["-c", script], {
    env: {
      PATH: process.env["PATH"] ?? "",
      NODE: process.execPath,
      FARTHING: inject("bundle"),
      ...env
    },
    extendEnv: false,
    stdin: "ignore"
  })
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  assert.strictEqual(yield* handle.exitCode, 0, output)
  return output
})
