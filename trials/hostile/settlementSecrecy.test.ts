/**
 * Third parties who hear everything that is said, and know more than they should: a result under
 * seal is its customer's alone, whoever learns the preimage; and its length tells nothing.
 */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Bolt11, Channel, Hex, Key, Sealed } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Context, Effect, Latch, Option, Redacted, Stream } from "effect"
import { Market } from "farthing"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Shop from "../src/Shop.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const offer = { priceMsats: price, settlement: ["upfront", "escrow", "sealed"] } as const

/** Everything that is said in a channel from now on, as everybody hears it. */
const eavesdrop = Effect.fnUntraced(function* (shop: Shop.Open) {
  const contents: Array<string> = []
  const listening = yield* Latch.make()
  yield* shop.place.relay
    .subscribe([Channel.providerFilter(shop.provider.channel)], {
      onStored: Effect.asVoid(listening.open)
    })
    .pipe(
      Stream.runForEach(({ content }) => Effect.sync(() => contents.push(content))),
      Effect.orDie,
      Effect.forkScoped({ startImmediately: true })
    )
  yield* listening.await
  return contents
})

const messagesIn = (contents: ReadonlyArray<string>): ReadonlyArray<AgentMessage.AgentMessage> =>
  contents.flatMap((content) => Option.toArray(AgentMessage.parse(content)))

const chunksIn = (contents: ReadonlyArray<string>): ReadonlyArray<AgentMessage.SealedChunk> =>
  messagesIn(contents).filter((message) => message.type === "SealedChunk")

/** The product buys from itself, while somebody listens. */
const overheard = Effect.fnUntraced(function* (mode: "escrow" | "sealed", prompt: string) {
  const shop = yield* Shop.open({ offer })
  const contents = yield* eavesdrop(shop)
  const customer = yield* People.customer(shop.place, Settling.by(mode))
  const receipt = yield* Deal.buy(customer, { prompt })
  assert.strictEqual(receipt.text, `${prompt}!`)
  yield* Books.closing(customer, Books.paid(price))
  yield* Shop.closing(shop, Shop.sold(1, price))
  return { shop, customer, contents, receipt }
})

layer(Stage.layer, { excludeTestServices: true, concurrent: true })("who listens", (it) => {
  it.effect("does not read a sealed result, and not with its preimage either", () =>
    Effect.gen(function* () {
      const { contents, customer, receipt, shop } = yield* overheard("sealed", "the secret")
      assert.notInclude(contents.join(), receipt.text)
      assert.notInclude(contents.join(), receipt.preimage)

      const chunks = chunksIn(contents)
      assert.isNotEmpty(chunks)
      const stranger = Signer.make(Key.generate())
      const keys = [
        yield* stranger.conversationKey(shop.provider.publicKey),
        yield* stranger.conversationKey(customer.pubkey),
        yield* stranger.conversationKey(stranger.publicKey),
        Redacted.make(new Uint8Array(32)),
        Redacted.make(Hex.toBytes(receipt.preimage))
      ]
      for (const conversationKey of keys)
        for (const { ciphertext, seq } of chunks) {
          const lock: Sealed.Lock = {
            preimage: Redacted.make(receipt.preimage),
            conversationKey,
            requestId: receipt.request,
            paymentHash: receipt.paymentHash
          }
          assert.isTrue(Option.isNone(Sealed.open(lock, seq, ciphertext)))
        }
    })
  )

  it.effect("learns no preimage of an escrow, before or after it is released", () =>
    Effect.gen(function* () {
      const { contents, receipt } = yield* overheard("escrow", "in the open")
      assert.notInclude(contents.join(), receipt.preimage)
      assert.notInclude(
        messagesIn(contents).map(({ type }) => type),
        "PreimageRelease"
      )
    })
  )

  it.effect("cannot tell short answers from each other by their length", () =>
    Effect.gen(function* () {
      const lengths = yield* Effect.forEach(
        ["", "y", "no", "The answer to the question is: maybe.", "x".repeat(700)],
        (prompt) =>
          Effect.map(overheard("sealed", prompt === "" ? " " : prompt), ({ contents }) =>
            chunksIn(contents).map(({ ciphertext }) => ciphertext.length)
          ),
        { concurrency: 5 }
      )
      for (const length of lengths) assert.deepStrictEqual(length, lengths[0])
    })
  )

  it.effect("cannot tell that two results are the same", () =>
    Effect.gen(function* () {
      const { contents } = yield* overheard("sealed", "again")
      const { contents: others } = yield* overheard("sealed", "again")
      const ciphertexts = [...chunksIn(contents), ...chunksIn(others)].map(
        ({ ciphertext }) => ciphertext
      )
      assert.lengthOf(new Set(ciphertexts), ciphertexts.length)
    })
  )

  it.effect("cannot check a guess: without the preimage nothing answers to it", () =>
    Effect.gen(function* () {
      const { contents, receipt, shop, customer } = yield* overheard("sealed", "yes")
      // The customer knows everything but the preimage, and what the text may be.
      const [chunk] = chunksIn(contents)
      assert(chunk !== undefined)
      const context = yield* People.live(customer, Market.signer)
      const signer = Context.get(context, Signer.Signer)
      const conversationKey = yield* signer.conversationKey(shop.provider.publicKey)
      const guess = (preimage: Bolt11.Preimage): Sealed.Lock => ({
        preimage: Redacted.make(preimage),
        conversationKey,
        requestId: receipt.request,
        paymentHash: receipt.paymentHash
      })
      for (const preimage of [receipt.paymentHash, "0".repeat(64), Settling.newPreimage()])
        assert.isTrue(
          Option.isNone(
            Sealed.open(guess(Bolt11.Preimage.make(preimage)), chunk.seq, chunk.ciphertext)
          )
        )
      assert.isTrue(
        Option.isSome(Sealed.open(guess(receipt.preimage), chunk.seq, chunk.ciphertext))
      )
    })
  )
})
