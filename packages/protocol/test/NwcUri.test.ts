import { assert, describe, it } from "@effect/vitest"
import { Inspectable, Option, Redacted, Result, Schema } from "effect"
import { Hex, Key, NwcUri } from "../src/index.ts"

// The example of NIP-47.
const wallet = "b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4"
const secret = "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c"
const published = `nostr+walletconnect://${wallet}?relay=wss%3A%2F%2Frelay.damus.io&secret=${secret}`

const parse = (uri: string) => NwcUri.parse(Redacted.make(uri))

const refusal = (uri: string) =>
  Result.match(parse(uri), { onFailure: (error) => error.message, onSuccess: () => "taken" })

describe("A wallet connection URI (NIP-47)", () => {
  it("is read as published", () => {
    const uri = Result.getOrThrow(parse(published))
    assert.strictEqual(uri.wallet, wallet)
    assert.deepStrictEqual(uri.relays, ["wss://relay.damus.io"])
    assert.strictEqual(Redacted.value(uri.secret), secret)
    assert.deepStrictEqual(uri.lud16, Option.none())
    assert.strictEqual(Redacted.value(NwcUri.format(uri)), published)
  })

  it("may name several relays, a lightning address, and what nobody knows", () => {
    const uri = Result.getOrThrow(
      parse(`${published}&relay=ws://127.0.0.1:7777/x&lud16=ada%40example.com&budget=1`)
    )
    assert.deepStrictEqual(uri.relays, ["wss://relay.damus.io", "ws://127.0.0.1:7777/x"])
    assert.deepStrictEqual(uri.lud16, Option.some("ada@example.com"))
  })

  it.each([
    ["white space around it", `\n ${published}\n`],
    ["the older scheme", published.replace("nostr+walletconnect", "nostrwalletconnect")],
    ["no slashes", published.replace("://", ":")],
    ["a slash before the question mark", published.replace("?", "/?")],
    ["capitals", published.replace(wallet, wallet.toUpperCase())]
  ])("is read with %s", (_, uri) => {
    assert.strictEqual(Result.getOrThrow(parse(uri)).wallet, wallet)
  })

  it.each([
    ["nothing", ""],
    ["another scheme", published.replace("nostr+walletconnect", "https")],
    ["no key", published.replace(wallet, "")],
    ["a short key", published.replace(wallet, wallet.slice(2))],
    ["an npub for a key", published.replace(wallet, "npub1abc")],
    ["no relay", published.replace("relay=", "r=")],
    ["an empty relay", published.replace("wss%3A%2F%2Frelay.damus.io", "")],
    ["a relay over http", published.replace("wss", "https")],
    ["one good relay and one bad", `${published}&relay=file:///etc/passwd`],
    ["no secret", published.replace("secret=", "s=")],
    ["a short secret", published.slice(0, -1)],
    ["two secrets", `${published}&secret=${secret}`],
    ["a secret that is no hex", published.replace("71a8", "zzzz")]
  ])("is refused with %s, and the secret is not shown", (_, uri) => {
    const message = refusal(uri)
    assert.notStrictEqual(message, "taken")
    assert.notInclude(message, secret.slice(8, 24))
  })

  it("does not show its secret when it is printed", () => {
    const uri = Result.getOrThrow(parse(published))
    for (const shown of [
      JSON.stringify(uri),
      Inspectable.toStringUnknown(uri),
      String(NwcUri.format(uri))
    ])
      assert.notInclude(shown, secret)
  })

  const relayUrl = Schema.String.pipe(
    Schema.check(Schema.isPattern(/^wss:\/\/[a-z]{1,9}\.example(\/[a-z0-9 &=%+#?]{0,9})?$/))
  )

  it.prop(
    "survives writing and reading",
    {
      wallet: Key.PublicKey,
      relays: Schema.UniqueArray(relayUrl).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
      secret: Hex.ofBytes(32),
      lud16: Schema.Option(Schema.String.check(Schema.isMinLength(1)))
    },
    (fields) => {
      const wellFormed = Option.map(fields.lud16, (address) => address.toWellFormed())
      const uri: NwcUri.NwcUri = {
        ...fields,
        lud16: wellFormed,
        secret: Redacted.make(fields.secret)
      }
      const back = Result.getOrThrow(NwcUri.parse(NwcUri.format(uri)))
      assert.deepStrictEqual(
        { ...back, secret: Redacted.value(back.secret) },
        { ...uri, secret: fields.secret }
      )
    },
    { arbitrary: { runs: 200 } }
  )

  it.prop(
    "any other text is refused, never an error",
    [Schema.String],
    ([text]) => {
      assert.isTrue(Result.isFailure(parse(text)))
      assert.isTrue(Result.isFailure(parse(`nostr+walletconnect://${text}`)))
    },
    { arbitrary: { runs: 200 } }
  )
})
