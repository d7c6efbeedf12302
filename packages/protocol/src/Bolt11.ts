/**
 * Lightning invoices (BOLT 11): `ln<network><amount>1<time><fields><signature><checksum>`.
 *
 * Reading is strict where money is at stake: what comes out of `decode` has a good checksum, a
 * good signature, a payment secret, and requires no feature that is unknown here.
 */
import { bech32 } from "@scure/base"
import { Option, Result, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import { hash } from "node:crypto"
import * as Hex from "./Hex.ts"
import * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"
import * as Secp256k1 from "./Secp256k1.ts"
import * as Words from "./bolt11/Words.ts"

/** sha256 of the preimage: the name of a payment. */
export const PaymentHash = Hex.ofBytes(32).pipe(Schema.brand("PaymentHash"))
export type PaymentHash = typeof PaymentHash.Type

/** Whoever has it can prove the payment: 32 bytes whose sha256 is the payment hash. */
export const Preimage = Hex.ofBytes(32).pipe(Schema.brand("Preimage"))
export type Preimage = typeof Preimage.Type

/** The payment hash that a preimage proves. */
export const hashOf = (preimage: Preimage): PaymentHash =>
  hash("sha256", Hex.toBytes(preimage)) as PaymentHash

/** A decoded invoice whose checksum and signature were found good. */
export interface Invoice {
  /** The invoice as it was given, in lower case. */
  readonly bolt11: string
  readonly network: Network.Network
  /** None: the payer chooses; Farthing refuses to pay those. */
  readonly amount: Option.Option<Msat.Msat>
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds; from then on the invoice must not be paid. */
  readonly expiresAt: number
  readonly paymentHash: PaymentHash
  readonly paymentSecret: string
  /** The payee's node key, 33 bytes in hex: from the `n` field or recovered from the signature. */
  readonly payee: string
  readonly description: Option.Option<string>
  readonly descriptionHash: Option.Option<string>
  readonly minFinalCltvDelta: number
}

/** What is needed to issue an invoice. Deterministic: same input, same invoice. */
export interface Draft {
  readonly network: Network.Network
  /** More than zero. */
  readonly amount: Option.Option<Msat.Msat>
  /** Unix seconds, below 2^35. */
  readonly createdAt: number
  readonly expirySeconds: number
  readonly paymentHash: PaymentHash
  /** 32 bytes in hex. */
  readonly paymentSecret: string
  /** Beyond 639 bytes of UTF-8 the invoice carries its sha256 instead. */
  readonly description: string
  /** Blocks. */
  readonly minFinalCltvDelta: number
}

/** Why a string is no invoice that may be paid. */
export class InvalidInvoice extends Schema.TaggedError<InvalidInvoice>()("InvalidInvoice", {
  message: Schema.String
}) {}

/** Reads an invoice and checks all that can be checked without knowing what it is for. */
export const decode = (bolt11: string): Result.Result<Invoice, InvalidInvoice> =>
  Result.gen(function* () {
    const { prefix, words } = yield* readBech32(bolt11)
    const { amount, network } = yield* readPrefix(prefix)
    const end = words.length - signatureWords
    if (end < timestampWords) return yield* refuse("too short")
    const fields = yield* readFields(words.slice(timestampWords, end))
    yield* checkFeatures(fields.get(Tag.features) ?? [])
    const createdAt = Words.toInteger(words.slice(0, timestampWords))
    const expiry = yield* readInteger("expiry", fields.get(Tag.expiry), defaultExpiry)
    return {
      bolt11: bolt11.toLowerCase(),
      network,
      amount,
      createdAt,
      expiresAt: createdAt + expiry,
      paymentHash: (yield* readHash("payment hash", fields.get(Tag.paymentHash))) as PaymentHash,
      paymentSecret: yield* readHash("payment secret", fields.get(Tag.paymentSecret)),
      ...(yield* readDescription(fields)),
      minFinalCltvDelta: yield* readInteger(
        "final CLTV delta",
        fields.get(Tag.minFinalCltvDelta),
        defaultMinFinalCltvDelta
      ),
      payee: yield* readPayee(
        Words.toBytes(words.slice(end)),
        signedHash(prefix, words.slice(0, end)),
        fields.get(Tag.payee)
      )
    }
  })

/**
 * Encodes and signs with the payee's node key (32 bytes). Always names the payee (`n`). Throws a
 * `RangeError` on a draft that no invoice can express.
 */
export const encode = (draft: Draft, nodeKey: Uint8Array): string => {
  const prefix = `ln${currencies[draft.network]}${amountText(draft.amount)}`
  const words = [
    ...Words.fromIntegerFixed(draft.createdAt, timestampWords),
    ...hashField(Tag.paymentSecret, draft.paymentSecret),
    ...hashField(Tag.paymentHash, draft.paymentHash),
    ...describe(draft.description),
    ...field(Tag.expiry, Words.fromInteger(draft.expirySeconds)),
    ...field(Tag.minFinalCltvDelta, Words.fromInteger(draft.minFinalCltvDelta)),
    ...field(Tag.payee, Words.fromBytes(Secp256k1.publicKeyCompressed(nodeKey))),
    ...field(Tag.features, ourFeatures)
  ]
  const signed = Secp256k1.ecdsaSign(signedHash(prefix, words), nodeKey)
  const signature = Buffer.concat([signed.signature, Uint8Array.of(signed.recovery)])
  return bech32.encode(prefix, [...words, ...Words.fromBytes(signature)], false)
}

// -----------------------------------------------------------------------------
// The format
// -----------------------------------------------------------------------------

const currencies: Record<Network.Network, string> = {
  mainnet: "bc",
  testnet: "tb",
  signet: "tbs",
  regtest: "bcrt"
}

const networks: Readonly<Record<string, Network.Network>> = {
  bc: "mainnet",
  tb: "testnet",
  tbs: "signet",
  bcrt: "regtest"
}

/** BOLT 11, "Tagged Fields": each type is a word of five bits. */
const Tag = {
  paymentHash: 1,
  features: 5,
  expiry: 6,
  description: 13,
  paymentSecret: 16,
  payee: 19,
  descriptionHash: 23,
  minFinalCltvDelta: 24
} as const

const timestampWords = 7
const signatureWords = 104
/** In words; fields of other types have the length that they need. */
const fixedLengths: Readonly<Record<number, number>> = {
  [Tag.paymentHash]: 52,
  [Tag.paymentSecret]: 52,
  [Tag.descriptionHash]: 52,
  [Tag.payee]: 53
}
const longestDescription = 639
/** What a QR code holds; the specification itself sets no limit. */
const longestInvoice = 7089
const defaultExpiry = 3600
const defaultMinFinalCltvDelta = 18

/** Bits 8 (`var_onion_optin`) and 14 (`payment_secret`). */
const ourFeatures = [16, 8, 0]

/**
 * Even bits that an invoice may require: BOLT 9's features of invoices (context `9`) and those
 * that every node is assumed to have.
 */
const knownFeatures = new Set([0, 8, 12, 14, 16, 24, 36, 44, 48])

/** Millisatoshi in one unit of each multiplier; a `p` is a tenth. */
const msatsPer = { "": 100_000_000_000, m: 100_000_000, u: 100_000, n: 100 } as const

// -----------------------------------------------------------------------------
// Reading
// -----------------------------------------------------------------------------

type Read<A> = Result.Result<A, InvalidInvoice>

const refuse = (message: string): Read<never> => Result.fail(new InvalidInvoice({ message }))

const readBech32 = (text: string): Read<{ prefix: string; words: Words.Words }> => {
  if (text.length > longestInvoice) return refuse(`longer than ${longestInvoice} characters`)
  if (text !== text.toLowerCase() && text !== text.toUpperCase())
    return refuse("upper and lower case are mixed")
  const decoded = bech32.decodeUnsafe(text, false)
  return decoded === undefined
    ? refuse("not bech32, or its checksum is wrong")
    : Result.succeed(decoded)
}

const readPrefix = (prefix: string): Read<Pick<Invoice, "network" | "amount">> => {
  // The longest prefix counts, and an amount begins with a digit.
  const [, currency = "", amount = ""] = /^ln(bcrt|tbs|bc|tb)((?:\d.*)?)$/.exec(prefix) ?? []
  const network = networks[currency]
  if (network === undefined) return refuse("the network is unknown")
  return amount === ""
    ? Result.succeed({ network, amount: Option.none() })
    : Result.map(readAmount(amount), (msats) => ({ network, amount: Option.some(msats) }))
}

const readAmount = (text: string): Read<Msat.Msat> => {
  const [, digits, multiplier] = /^([1-9]\d{0,17})([munp]?)$/.exec(text) ?? []
  if (digits === undefined) return refuse("the amount is malformed")
  if (multiplier === "p" && !digits.endsWith("0"))
    return refuse("the amount is no whole number of millisatoshi")
  const msats =
    multiplier === "p"
      ? Number(digits.slice(0, -1))
      : Number(digits) * msatsPer[multiplier as keyof typeof msatsPer]
  return Msat.is(msats) ? Result.succeed(msats) : refuse("the amount is out of range")
}

/**
 * The words of each type of field. Of fields that come twice the first counts; those of a wrong
 * length are skipped, as the specification's examples have it.
 */
const readFields = (words: Words.Words): Read<ReadonlyMap<number, Words.Words>> => {
  const fields = new Map<number, Words.Words>()
  for (let at = 0; at < words.length;) {
    const tag = words[at]!
    const length = Words.toInteger(words.slice(at + 1, at + 3))
    const field = words.slice(at + 3, at + 3 + length)
    at += 3 + length
    if (at > words.length) return refuse("a field is cut off")
    if (length === (fixedLengths[tag] ?? length) && !fields.has(tag)) fields.set(tag, field)
  }
  return Result.succeed(fields)
}

const readHash = (name: string, words: Words.Words | undefined): Read<string> =>
  words === undefined ? refuse(`no ${name}`) : Result.succeed(Words.toHex(words))

/** A number that begins with a zero word SHOULD be refused, says the specification. */
const readInteger = (
  name: string,
  words: Words.Words | undefined,
  byDefault: number
): Read<number> => {
  if (words === undefined) return Result.succeed(byDefault)
  if (words[0] === 0) return refuse(`the ${name} begins with a zero`)
  const value = Words.toInteger(words)
  return value < 2 ** 52 ? Result.succeed(value) : refuse(`the ${name} is out of range`)
}

const readDescription = (
  fields: ReadonlyMap<number, Words.Words>
): Read<Pick<Invoice, "description" | "descriptionHash">> => {
  const description = fields.get(Tag.description)
  const descriptionHash = fields.get(Tag.descriptionHash)
  if (description !== undefined && descriptionHash !== undefined)
    return refuse("both a description and a description hash")
  if (descriptionHash !== undefined)
    return Result.succeed({
      description: Option.none(),
      descriptionHash: Option.some(Words.toHex(descriptionHash))
    })
  if (description === undefined) return refuse("neither a description nor a description hash")
  const bytes = Words.toBytes(description)
  return isUtf8(bytes)
    ? Result.succeed({
        description: Option.some(bytes.toString()),
        descriptionHash: Option.none()
      })
    : refuse("the description is not UTF-8")
}

/** Bit 0 is the last one; an even one that is set and unknown forbids to pay. */
const checkFeatures = (words: Words.Words): Read<void> => {
  if (words[0] === 0) return refuse("the features begin with a zero")
  for (let bit = 0; bit < words.length * 5; bit += 2) {
    const word = words[words.length - 1 - Math.floor(bit / 5)]!
    if (((word >> (bit % 5)) & 1) === 1 && !knownFeatures.has(bit))
      return refuse(`it requires the unknown feature ${bit}`)
  }
  return Result.void
}

/** The payee named by `n`, whose signature has to be low-S then, or whoever signed. */
const readPayee = (
  signature: Uint8Array,
  digest: Uint8Array,
  named: Words.Words | undefined
): Read<string> => {
  const compact = signature.subarray(0, 64)
  const recovery = signature[64]!
  if (recovery > 3) return refuse("the signature's recovery id is out of range")
  if (named !== undefined)
    return Secp256k1.ecdsaVerify(compact, digest, Words.toBytes(named))
      ? Result.succeed(Words.toHex(named))
      : refuse("the signature is not the payee's, or not in its low-S form")
  const payee = Secp256k1.recover(compact, recovery, digest)
  return payee === undefined
    ? refuse("the signature is not valid")
    : Result.succeed(Hex.fromBytes(payee))
}

/** sha256 over the prefix and the data before the signature. */
const signedHash = (prefix: string, words: Words.Words): Buffer =>
  hash("sha256", Buffer.concat([Buffer.from(prefix), Words.toPaddedBytes(words)]), "buffer")

// -----------------------------------------------------------------------------
// Writing
// -----------------------------------------------------------------------------

/** The shortest form, by the largest multiplier that divides the amount. */
const amountText = (amount: Option.Option<Msat.Msat>): string => {
  if (Option.isNone(amount)) return ""
  const msats = amount.value
  if (!Msat.is(msats) || msats === 0) throw new RangeError(`not an invoice's amount: ${msats}`)
  for (const [multiplier, unit] of Object.entries(msatsPer))
    if (msats % unit === 0) return `${msats / unit}${multiplier}`
  return `${msats}0p`
}

const describe = (description: string): Words.Words => {
  const bytes = Buffer.from(description)
  return bytes.length <= longestDescription
    ? field(Tag.description, Words.fromBytes(bytes))
    : field(Tag.descriptionHash, Words.fromBytes(hash("sha256", bytes, "buffer")))
}

const hashField = (tag: number, hex: string): Words.Words => {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError("not 32 bytes in hex")
  return field(tag, Words.fromBytes(Hex.toBytes(hex)))
}

const field = (tag: number, words: Words.Words): Words.Words => [
  tag,
  ...Words.fromIntegerFixed(words.length, 2),
  ...words
]
