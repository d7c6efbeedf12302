/** What a wallet may answer about one payment. */
import { Bolt11, Msat } from "@farthing/protocol"
import { Option } from "effect"
import { randomBytes } from "node:crypto"
import * as ScriptedWallet from "./ScriptedWallet.ts"

export const amount = Msat.make(21_000)
export const preimage = Bolt11.Preimage.make("11".repeat(32))
export const paymentHash = Bolt11.hashOf(preimage)
export const otherPreimage = Bolt11.Preimage.make("22".repeat(32))

export const invoiceOf = (asked: Msat.Msat, hash = paymentHash) =>
  Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(asked),
      createdAt: 0,
      expirySeconds: 3_600,
      paymentHash: hash,
      paymentSecret: "33".repeat(32),
      description: "",
      minFinalCltvDelta: 18
    },
    randomBytes(32)
  )

export const { pay_invoice, lookup_invoice, make_invoice } = {
  pay_invoice: (value: object) => ScriptedWallet.result("pay_invoice", value),
  lookup_invoice: (value: object) =>
    ScriptedWallet.result("lookup_invoice", {
      type: "outgoing",
      payment_hash: paymentHash,
      amount,
      ...value
    }),
  make_invoice: (value: object) =>
    ScriptedWallet.result("make_invoice", {
      type: "incoming",
      payment_hash: paymentHash,
      amount,
      ...value
    })
}
