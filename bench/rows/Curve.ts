/** Signatures: of events, and of invoices. */
import { Bolt11, Hex, Key, Msat, NostrEvent, Secp256k1 } from "@farthing/protocol"
import { Effect, Option } from "effect"
import * as Alternate from "../src/Alternate.ts"
import { atLeast, type Row } from "../src/Row.ts"
import { timedSync } from "../src/Stopwatch.ts"

/** Per second of processor time. */
const rate = (count: number, body: (index: number) => unknown): number => {
  const { cpu } = timedSync(() => {
    for (let index = 0; index < count; index++) body(index)
  })
  return count / cpu
}

const count = 5_000

const event = (index: number): NostrEvent.NostrEvent =>
  NostrEvent.sign({ created_at: index, kind: 1, tags: [], content: `event ${index}` }, secret)

const secret = Key.generate()

/** One signature checked by libsecp256k1 itself, where it is the curve's implementation. */
const ecdsaVerify = () => {
  const key = Key.generate()
  const hash = Hex.toBytes("02".repeat(32))
  const { signature } = Secp256k1.ecdsaSign(hash, Key.secretBytes(key))
  const publicKey = Secp256k1.publicKeyCompressed(Key.secretBytes(key))
  return () => Secp256k1.ecdsaVerify(signature, hash, publicKey)
}

export const verification: Row = {
  name: "verification",
  title: "event verification",
  measure: Effect.gen(function* () {
    const events = Array.from({ length: count }, (_, index) => event(index))
    const ours = Effect.sync(() => rate(count, (i) => NostrEvent.verify(events[i] ?? event(i))))
    const what = `events verified, id and signature (${Secp256k1.implementation})`
    const unit = "events/CPU-s"
    if (Secp256k1.implementation !== "native") return [{ what, unit, value: yield* ours }]
    const verify = ecdsaVerify()
    const baseline = Effect.sync(() => rate(count, verify))
    const medians = yield* Alternate.medians({ rounds: 5, ours, baseline })
    return [
      {
        what,
        unit,
        value: medians.ours,
        baseline: { name: "libsecp256k1, one signature alone", value: medians.baseline },
        bar: atLeast("ratio", 0.55)
      }
    ]
  })
}

export const invoices: Row = {
  name: "invoices",
  title: "BOLT 11",
  measure: Effect.sync(() => {
    const invoices = Array.from({ length: 500 }, (_, index) => invoice(index))
    const decode = () => rate(count, (i) => Bolt11.decode(invoices[i % invoices.length] ?? ""))
    decode()
    return [
      {
        what: `BOLT 11 decoded, signature and all (${Secp256k1.implementation})`,
        unit: "invoices/CPU-s",
        value: decode(),
        ...(Secp256k1.implementation === "native" ? { bar: atLeast("value", 5_000) } : {})
      }
    ]
  })
}

const invoice = (index: number): string =>
  Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(Msat.make(10_000 + index)),
      createdAt: 1_800_000_000,
      expirySeconds: 600,
      paymentHash: Bolt11.PaymentHash.make(index.toString(16).padStart(64, "0")),
      paymentSecret: "02".repeat(32),
      description: `job ${index}`,
      minFinalCltvDelta: 18
    },
    Hex.toBytes("01".repeat(32))
  )
