/** Signatures: of events, and of invoices. */
import { Bolt11, Hex, Key, Msat, NostrEvent, Secp256k1 } from "@farthing/protocol"
import type * as Curve from "@farthing/protocol/curve/Curve"
import * as Native from "@farthing/protocol/curve/Native"
import * as Noble from "@farthing/protocol/curve/Noble"
import * as Wasm from "@farthing/protocol/curve/Wasm"
import { Effect, Option } from "effect"
import * as Alternate from "../src/Alternate.ts"
import { atLeast, measured, type Measurement, type Row } from "../src/Row.ts"
import { timedSync } from "../src/Stopwatch.ts"

/** Per second of processor time. */
const rate = (count: number, body: (index: number) => unknown): number => {
  const { cpu } = timedSync(() => {
    for (let index = 0; index < count; index++) body(index)
  })
  return count / cpu
}

const secret = Key.generate()

const event = (index: number): NostrEvent.NostrEvent =>
  NostrEvent.sign({ created_at: index, kind: 1, tags: [], content: `event ${index}` }, secret)

const events = Array.from({ length: 5_000 }, (_, index) => event(index))

/** Id and signature, as `NostrEvent.verify` does it, over an implementation of the curve. */
const verifying = (curve: Curve.Curve, count: number) =>
  Effect.sync(() =>
    rate(count, (index) => {
      const given = events[index % events.length] ?? event(index)
      const { id, pubkey, sig } = given
      const isGenuine =
        NostrEvent.idOf(pubkey, given) === id &&
        curve.schnorrVerify(Hex.toBytes(sig), Hex.toBytes(id), Hex.toBytes(pubkey))
      if (!isGenuine) throw new Error("a genuine event is taken for a forged one")
    })
  )

/** One signature checked by libsecp256k1 itself. */
const checking = (curve: Curve.Curve, count: number) => {
  const key = Key.secretBytes(Key.generate())
  const hash = Hex.toBytes("02".repeat(32))
  const { signature } = curve.ecdsaSign(hash, key)
  const publicKey = curve.publicKeyCompressed(key)
  return Effect.sync(() => rate(count, () => curve.ecdsaVerify(signature, hash, publicKey)))
}

/** So many that each takes about as long. */
const countOf = { native: 5_000, wasm: 1_500, noble: 200 }

const what = (name: string) =>
  `events verified, id and signature, ${name}${name === Secp256k1.implementation ? " (in use)" : ""}`

const unit = "events/CPU-s"

export const verification: Row = {
  name: "verification",
  title: "event verification",
  measure: Effect.gen(function* () {
    const native = Native.load()
    const implementations = [native, Wasm.load(), Noble.curve].filter((it) => it !== undefined)
    const found: Array<Measurement> = []
    for (const curve of implementations) {
      const name = curve.implementation
      const count = countOf[name]
      const ours = verifying(curve, count)
      if (native === undefined) {
        found.push({ what: what(name), unit, value: yield* ours })
        continue
      }
      const medians = yield* Alternate.medians({
        rounds: 5,
        ours,
        baseline: checking(native, 3_000)
      })
      found.push({
        what: what(name),
        unit,
        value: medians.ours,
        baseline: { name: "libsecp256k1, one signature alone", value: medians.baseline },
        ...(name === "native" ? { bar: atLeast("ratio", 0.55) } : {})
      })
    }
    return measured(found)
  })
}

export const invoices: Row = {
  name: "invoices",
  title: "BOLT 11",
  measure: Effect.sync(() => {
    const invoices = Array.from({ length: 500 }, (_, index) => invoice(index))
    const decode = () => rate(5_000, (i) => Bolt11.decode(invoices[i % invoices.length] ?? ""))
    decode()
    return measured([
      {
        what: `BOLT 11 decoded, signature and all, ${Secp256k1.implementation}`,
        unit: "invoices/CPU-s",
        value: decode(),
        ...(Secp256k1.implementation === "native" ? { bar: atLeast("value", 5_000) } : {})
      }
    ])
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
