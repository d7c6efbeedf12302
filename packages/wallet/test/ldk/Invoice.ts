/** BOLT 11 as the Lightning Development Kit writes and reads it. */
import { Bolt11, Hex, type Network } from "@farthing/protocol"
import { Option, Result } from "effect"
import * as ldk from "lightningdevkit"
import type { Node } from "./Node.ts"

/** What an invoice says, whoever has read it. */
export interface Reading {
  readonly network: Network.Network
  /** Millisatoshi. */
  readonly amount: number | undefined
  readonly createdAt: number
  readonly expirySeconds: number
  readonly paymentHash: string
  readonly paymentSecret: string
  readonly payee: string
  readonly description: string
  readonly minFinalCltvDelta: number
}

/** Undefined if it is refused. */
export const readByLdk = (bolt11: string): Reading | undefined => {
  const parsed = ldk.Bolt11Invoice.constructor_from_str(bolt11)
  if (!(parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK)) return undefined
  const invoice = parsed.res
  const network = networks[invoice.currency()]
  if (network === undefined) return undefined
  const amount = invoice.amount_milli_satoshis()
  const description = invoice.into_signed_raw().raw_invoice().description()
  return {
    network,
    amount: amount instanceof ldk.Option_u64Z_Some ? Number(amount.some) : undefined,
    createdAt: Number(invoice.duration_since_epoch()),
    expirySeconds: Number(invoice.expiry_time()),
    paymentHash: Hex.fromBytes(invoice.payment_hash()),
    paymentSecret: Hex.fromBytes(invoice.payment_secret()),
    payee: Hex.fromBytes(invoice.get_payee_pub_key()),
    description: description.as_inner().get_a(),
    minFinalCltvDelta: Number(invoice.min_final_cltv_expiry_delta())
  }
}

/** Undefined if it is refused. */
export const readByUs = (bolt11: string): Reading | undefined =>
  Result.match(Bolt11.decode(bolt11), {
    onFailure: () => undefined,
    onSuccess: (invoice) => ({
      network: invoice.network,
      amount: Option.getOrUndefined(invoice.amount),
      createdAt: invoice.createdAt,
      expirySeconds: invoice.expiresAt - invoice.createdAt,
      paymentHash: invoice.paymentHash,
      paymentSecret: invoice.paymentSecret,
      payee: invoice.payee,
      description: Option.getOrElse(invoice.description, () => ""),
      minFinalCltvDelta: invoice.minFinalCltvDelta
    })
  })

export interface Wish {
  /** Millisatoshi. */
  readonly amount: Option.Option<number>
  readonly expirySeconds: number
  readonly description: string
  /** The node's own choice, if there is none. */
  readonly minFinalCltvDelta?: number
}

/** What a node writes for its owner, who is to be paid without more ado. */
export const writtenByLdk = (node: Node, wish: Wish): string => {
  const description = ldk.Description.constructor_new(wish.description)
  if (!(description instanceof ldk.Result_DescriptionCreationErrorZ_OK))
    throw new RangeError("the description is too long")
  const written = node.manager.create_bolt11_invoice(
    Option.isSome(wish.amount)
      ? ldk.Option_u64Z.constructor_some(BigInt(wish.amount.value))
      : ldk.Option_u64Z.constructor_none(),
    ldk.Bolt11InvoiceDescription.constructor_direct(description.res),
    ldk.Option_u32Z.constructor_some(wish.expirySeconds),
    wish.minFinalCltvDelta === undefined
      ? ldk.Option_u16Z.constructor_none()
      : ldk.Option_u16Z.constructor_some(wish.minFinalCltvDelta),
    ldk.Option_ThirtyTwoBytesZ.constructor_none()
  )
  if (!(written instanceof ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK))
    throw new RangeError("the node writes no such invoice")
  return written.res.to_str()
}

const networks: Partial<Record<ldk.Currency, Network.Network>> = {
  [ldk.Currency.LDKCurrency_Bitcoin]: "mainnet",
  [ldk.Currency.LDKCurrency_BitcoinTestnet]: "testnet",
  [ldk.Currency.LDKCurrency_Signet]: "signet",
  [ldk.Currency.LDKCurrency_Regtest]: "regtest"
}
