import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Cli from "./support/Cli.ts"
import * as Eavesdropper from "./support/Eavesdropper.ts"
import { openAi } from "./support/OpenAi.ts"

/** What an `ask` prints whose provider goes on with another server in the middle. */
const asked = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
  const first = yield* openAi(["Half a te"])
  const second = yield* openAi(["The whole ", "text."])
  second.finish()
  const market = yield* Cli.market(["--no-provider"])
  const provider = yield* Cli.start(["provider", "--backend", first.url], {
    ...(yield* market.account(1)),
    FARTHING_PROVIDER_FALLBACK_URLS: second.url
  })
  yield* provider.until("online")
  const beginning = yield* Eavesdropper.waitFor(market.relay, "StreamChunk")
  const env = yield* market.account(0)
  const ask = yield* Effect.forkChild(Cli.run(["ask", "Tell", ...flags], env))
  yield* beginning
  first.breakOff()
  return yield* Fiber.join(ask)
})

describe("a text that begins anew", () => {
  it.live("reaches a pipe once, and whole", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* asked()
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, "The whole text.\n")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("is told to programs, for which the chunks before are void", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* asked("--json")
      assert.strictEqual(code, 0, stderr)
      const [, after = ""] = stdout.split('{"type":"restart"}\n')
      const texts = [...after.matchAll(/"type":"chunk","text":"([^"]*)"/g)].map(([, text]) => text)
      assert.strictEqual(texts.join(""), "The whole text.")
      assert.match(after, /"type":"receipt","text":"The whole text\."/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("stands below the old one where streaming was asked for, with a notice", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* asked("--stream")
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, "Half a te\nThe whole text.\n")
      assert.match(stderr, /the provider began anew/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
