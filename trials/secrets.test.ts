/** Nothing secret is printed, written, sent or left open to others, whatever goes wrong. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import { Effect, Redacted } from "effect"
import { inspect } from "node:util"
import * as Leaks from "./secrets/Leaks.ts"
import * as Scene from "./secrets/Scene.ts"
import * as Secret from "./secrets/Secret.ts"

/** Those that nothing excuses. */
const inexcusable = (
  leaks: ReadonlyArray<Leaks.Leak>,
  excuses: ReadonlyArray<readonly [secret: RegExp, where: RegExp]>
) =>
  leaks.filter(
    (leak) => !excuses.some(([secret, where]) => secret.test(leak.secret) && where.test(leak.where))
  )

describe("the search for secrets", () => {
  const key = Key.generate()
  const hex = Redacted.value(key)
  const nsec = Redacted.value(Key.formatSecret(key))
  const bytes = Buffer.from(hex, "hex")
  const shown: ReadonlyArray<readonly [how: string, text: string | Buffer]> = [
    ["hex", `secret=${hex}&`],
    ["a half of it", hex.slice(17, 49)],
    ["upper case hex", hex.toUpperCase()],
    ["bech32", nsec],
    ["upper case bech32", nsec.toUpperCase()],
    ["a connection URI", `nostr+walletconnect://${"ab".repeat(32)}?relay=ws&secret=${hex}`],
    ["an encoded URI", encodeURIComponent(`nostr+walletconnect://x?secret=${hex}`)],
    ["JSON in JSON", JSON.stringify(JSON.stringify({ key: nsec }))],
    ["bytes", Buffer.concat([Buffer.from("x"), bytes])],
    ["a printed Uint8Array", inspect(new Uint8Array(bytes))],
    ["a printed Buffer", inspect(bytes)],
    ["bytes in JSON", JSON.stringify([...bytes])],
    ...["", "x", "xy"].flatMap((before): ReadonlyArray<readonly [string, string]> => [
      [`base64 of hex after '${before}'`, Buffer.from(`${before}${hex}`).toString("base64")],
      [`base64url of bech32 after '${before}'`, Buffer.from(before + nsec).toString("base64url")],
      [
        `base64 of bytes after '${before}'`,
        Buffer.concat([Buffer.from(before), bytes]).toString("base64")
      ]
    ])
  ]
  const noise = Buffer.from(`${Key.publicKeyOf(key)} and much else. `.repeat(1_000))
  const planted = (text: string | Buffer) => Buffer.concat([noise, Buffer.from(text), noise])
  const secrets = [Secret.ofKey("planted", key)]

  it.each(shown)("finds a key that is shown as %s", (_, text) => {
    const leaks = Leaks.find(secrets, [{ where: "here", bytes: planted(text) }])
    assert.deepInclude(
      leaks.map(({ secret, where }) => ({ secret, where })),
      { secret: "planted", where: "here" }
    )
  })

  it.effect("finds four words of a mnemonic", () =>
    Effect.gen(function* () {
      const mnemonic = yield* Key.generateMnemonic
      const words = Redacted.value(mnemonic).split(" ").slice(4, 11)
      for (const text of [words.join(" "), JSON.stringify(words), words.join("+")]) {
        const traces = [{ where: "here", bytes: planted(text) }]
        assert.isNotEmpty(Leaks.find([Secret.ofMnemonic("planted", mnemonic)], traces))
      }
    })
  )

  it("finds nothing where nothing is", () => {
    assert.isEmpty(Leaks.find(secrets, [{ where: "here", bytes: noise }]))
  })
})

layer(Scene.layer, { excludeTestServices: true, timeout: "2 minutes" })(
  "a market of processes, at the highest log level",
  (it) => {
    it.effect("secrets stand in the files that are meant to hold them and nowhere else", () =>
      Effect.gen(function* () {
        const { printed, secrets, written } = yield* Scene.Scene
        const leaks = Leaks.find(secrets, [...printed, ...written])
        assert.deepEqual(
          inexcusable(leaks, [
            [/^provider's mnemonic$/, /\/mnemonic$/],
            [/^provider's wallet$/, /\/wallet\.nwc$/],
            // It hands out the wallets of its accounts: that is what it is asked for.
            [/wallet$/, /^market$/]
          ]),
          []
        )
        assert.isNotEmpty(leaks.filter(({ where }) => where.endsWith("/wallet.nwc")))
      })
    )

    it.effect("a preimage is the bank's until it is paid for, and then its customer's", () =>
      Effect.gen(function* () {
        const { printed, released, unreleased, written } = yield* Scene.Scene
        const leaks = Leaks.find([...released, ...unreleased], [...printed, ...written])
        assert.isAbove(unreleased.length, 1)
        assert.strictEqual(released.length, 3)
        assert.deepEqual(
          inexcusable(leaks, [
            [/./, /\/market\/devnet\/bank\.db/],
            [/settled/, /\/customer\/farthing\.db/],
            [/settled/, /^customer: (ask|receipts|jobs show)/]
          ]),
          []
        )
        assert.isNotEmpty(leaks.filter(({ where }) => where.endsWith("/bank.db")))
        assert.isNotEmpty(leaks.filter(({ where }) => where.endsWith("/customer/farthing.db")))
      })
    )

    it.effect("what a home holds is its owner's alone, under any umask", () =>
      Effect.gen(function* () {
        const { inUse, written } = yield* Scene.Scene
        for (const name of ["farthing.db", "farthing.db-wal", "farthing.db-shm", "bank.db-wal"])
          assert.isTrue(
            inUse.some(({ where }) => where.endsWith(`/${name}`)),
            name
          )
        // Within the cache's own folder nobody gets to the rest of it.
        const reachable = [...inUse, ...written].filter(
          ({ where }) => !where.includes("/cache/farthing/")
        )
        assert.deepEqual(Leaks.exposed(reachable), [])
      })
    )

    it.effect("others on the machine see no secret in the list of processes", () =>
      Effect.gen(function* () {
        const { secrets, visible } = yield* Scene.Scene
        assert.isAtLeast(visible.length, 6)
        assert.deepEqual(Leaks.find(secrets, visible), [])
      })
    )
  }
)
