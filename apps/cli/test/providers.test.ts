import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Effect, Option } from "effect"
import * as Cli from "./support/Cli.ts"

const sats = (amount: number) => Msat.make(amount * 1_000)

/** Somebody who sells on a relay, or says that it does no more. */
const announce = Effect.fnUntraced(function* (
  url: string,
  offer: Pick<Announcement.Announcement, "name"> & Partial<Announcement.Announcement>
) {
  const now = yield* UnixTime.now
  const template = Announcement.toTemplate(
    {
      identifier: "offer",
      about: "",
      picture: Option.none(),
      lud16: Option.none(),
      channel: NostrEvent.EventId.make("c".repeat(64)),
      relays: [],
      network: Option.some("regtest"),
      price: Option.some(sats(5)),
      models: ["tiny"],
      modelPrices: {},
      kinds: [AgentMessage.textGeneration],
      capabilities: [],
      settlements: ["upfront"],
      tagsAnswers: true,
      online: true,
      expiresAt: Option.some(now + 1_800),
      ...offer
    },
    now
  )
  const relay = yield* Relay.make({ urls: [url] })
  yield* relay.publish(NostrEvent.sign(template, Key.generate()))
}, Effect.scoped)

describe("the list of providers", () => {
  it.live("is filtered and in order, says how old it is, and is remembered", () =>
    Effect.gen(function* () {
      const { url } = yield* RelayServer.make()
      yield* announce(url, { name: "corner shop", settlements: ["upfront", "sealed"] })
      yield* announce(url, {
        name: "Bazaar of the many thoughts of the old town",
        price: Option.some(sats(7)),
        models: ["tiny", "large", "a model with a name that is long", "and another one such"],
        modelPrices: { large: sats(30) }
      })
      yield* announce(url, { name: "antiques", price: Option.some(sats(1)), online: false })
      const env = { FARTHING_HOME: yield* Cli.tempHome, FARTHING_RELAYS_URLS: url }
      const list = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
        const { code, stderr, stdout } = yield* Cli.run(["providers", ...flags], env)
        assert.strictEqual(code, 0, stderr)
        return { stderr, lines: stdout.split("\n").filter((line) => line !== "") }
      })
      /** The first letters of the names, in their order. */
      const names = (lines: ReadonlyArray<string>) =>
        lines.flatMap((line) => /^(\w+)/.exec(line)?.[1] ?? [])

      const all = yield* list()
      assert.deepStrictEqual(names(all.lines), ["corner", "Bazaar"])
      assert.include(all.lines[0], "corner shop · 5 sats · tiny")
      assert.include(all.stderr, "as the relays told just now")
      for (const line of all.lines) assert.isAtMost(line.length, 80)
      for (const [expected, ...flags] of [
        ["Bazaar corner", "--sort", "name"],
        ["corner Bazaar", "--sort", "price"],
        ["corner", "--max-price", "5"],
        ["", "--max-price", "4"],
        ["corner", "--settlement", "sealed"],
        ["Bazaar", "--model", "large"],
        ["", "--model", "large", "--max-price", "29"],
        ["corner Bazaar antiques", "--no-online"]
      ] as const) {
        const { lines, stderr } = yield* list(...flags)
        assert.strictEqual(names(lines).join(" "), expected, flags.join(" "))
        assert.strictEqual(stderr.includes("nobody fits"), expected === "")
        for (const line of lines) assert.isAtMost(line.length, 80)
      }
      assert.include((yield* list("--model", "large")).lines[0], "30 sats")

      // Nobody is asked, or nobody is there to be asked.
      assert.deepStrictEqual(
        names((yield* list("--seconds", "0", "--online")).lines),
        names(all.lines)
      )
      const away = yield* Cli.run(["providers", "--no-online"], {
        ...env,
        FARTHING_RELAYS_URLS: "ws://127.0.0.1:1"
      })
      assert.strictEqual(away.code, 0, away.stderr)
      assert.include(away.stdout, "antiques · 1 sat · away, last heard just now · tiny")
      assert.include(away.stderr, "as the relays told")
    }).pipe(Effect.provide(Cli.layer))
  )
})
