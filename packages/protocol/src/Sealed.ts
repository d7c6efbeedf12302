/**
 * Sealed settlement: a result that its customer holds before it pays, and reads once it has paid.
 *
 * Each part is encrypted under a key of its own, made from two secrets. The preimage of the
 * invoice comes with the payment; the NIP-44 conversation key of the two parties nobody else has,
 * so that a bank or a routing node that learns the preimage reads nothing. Request, payment hash
 * and place go into the key: a ciphertext that stood elsewhere does not open.
 *
 * A provider that dies and infers anew seals another text for the same place, under the same key.
 * So the nonce is made from the text, with a second key (as SIV modes do, RFC 5297): two texts never
 * share a keystream, which somebody who never pays could tell them from.
 */
import { Option, Redacted } from "effect"
import { isUtf8 } from "node:buffer"
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto"
import * as Bolt11 from "./Bolt11.ts"
import * as Chunking from "./Chunking.ts"
import * as Hex from "./Hex.ts"
import type * as NostrEvent from "./NostrEvent.ts"

/** How results are sealed, as `SealedResult` names it. */
export const alg = "hkdf-sha256+chacha20-poly1305/1"

/** What locks the result of one request. */
export interface Lock {
  /** The provider's, until the customer's payment shows it. */
  readonly preimage: Redacted.Redacted<Bolt11.Preimage>
  /** NIP-44 version 2, of provider and customer: 32 bytes. */
  readonly conversationKey: Redacted.Redacted<Uint8Array>
  readonly requestId: NostrEvent.EventId
  readonly paymentHash: Bolt11.PaymentHash
}

/** What seals a part: 32 bytes each. */
interface PartKeys {
  readonly key: Uint8Array
  readonly nonceKey: Uint8Array
}

/**
 * HKDF (RFC 5869) with SHA-256: ikm = preimage ‖ conversation key, salt = request id, info =
 * "farthing/sealed/1" ‖ payment hash ‖ seq (8 bytes, big-endian); 64 bytes, the key first.
 */
const partKeys = (lock: Lock, seq: number): PartKeys => {
  const secrets = Buffer.concat([
    Hex.toBytes(Redacted.value(lock.preimage)),
    Redacted.value(lock.conversationKey)
  ])
  const info = Buffer.concat([
    Buffer.from("farthing/sealed/1"),
    Hex.toBytes(lock.paymentHash),
    bigEndian(seq)
  ])
  const material = hkdfSync("sha256", secrets, Hex.toBytes(lock.requestId), info, 2 * keyBytes)
  return {
    key: new Uint8Array(material, 0, keyBytes),
    nonceKey: new Uint8Array(material, keyBytes)
  }
}

/**
 * What opens one part of one result, and nothing else (32 bytes): whoever holds it may show it
 * around.
 */
export const partKey = (lock: Lock, seq: number): Uint8Array => partKeys(lock, seq).key

const keyBytes = 32

const bigEndian = (seq: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(seq))
  return bytes
}

const cipher = "chacha20-poly1305"

const nonceBytes = 12

const tagBytes = 16

/**
 * The part of a result that stands at this place (0, 1, 2, …), sealed: base64 of nonce ‖
 * ChaCha20-Poly1305 (RFC 8439) over the padded text. The nonce is the first 12 bytes of HMAC-SHA256
 * over the padded text. The same text at the same place is the same ciphertext.
 */
export const seal = (lock: Lock, seq: number, plaintext: string): string => {
  const { key, nonceKey } = partKeys(lock, seq)
  const padded = pad(Buffer.from(plaintext))
  const nonce = createHmac("sha256", nonceKey).update(padded).digest().subarray(0, nonceBytes)
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes })
  const ciphertext = sealing.update(padded)
  return Buffer.concat([nonce, ciphertext, sealing.final(), sealing.getAuthTag()]).toString(
    "base64"
  )
}

/** None: not sealed with these secrets for this place, or not padded as it has to be. */
export const open = (lock: Lock, seq: number, ciphertext: string): Option.Option<string> =>
  openPart(partKey(lock, seq), ciphertext)

/** The same with the key of the part alone: how a third party checks what it was shown. */
export const openPart = (key: Uint8Array, ciphertext: string): Option.Option<string> =>
  Option.flatMap(bytesOf(ciphertext), (bytes) => {
    const nonce = bytes.subarray(0, nonceBytes)
    const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
    opening.setAuthTag(bytes.subarray(-tagBytes))
    const padded = opening.update(bytes.subarray(nonceBytes, -tagBytes))
    return Option.flatMap(authentic(opening), () => unpad(padded))
  })

/** `final` throws where the tag is not that of these bytes. */
const authentic = Option.liftThrowable((opening: ReturnType<typeof createDecipheriv>) =>
  opening.final()
)

/** Base64 in its one canonical form, of what can be a sealed part. */
const bytesOf = (ciphertext: string): Option.Option<Buffer> => {
  const bytes = Buffer.from(ciphertext, "base64")
  return bytes.length > nonceBytes + tagBytes && bytes.toString("base64") === ciphertext
    ? Option.some(bytes)
    : Option.none()
}

/**
 * What `SealedResult` commits to: SHA-256, in lower-case hex, over the bytes of all ciphertexts
 * (what their base64 stands for) in order.
 */
export const digestOf = (ciphertexts: Iterable<string>): string => {
  const digest = createHash("sha256")
  for (const ciphertext of ciphertexts) digest.update(ciphertext, "base64")
  return digest.digest("hex")
}

/**
 * The longest text, in bytes of UTF-8, whose sealed message stays within an event of `limit`
 * bytes; never less than the shortest sealed message holds.
 */
export const roomFor = (limit: number): number => {
  const bytes =
    Math.floor((limit - Chunking.envelopeBytes) / 4) * 3 - nonceBytes - lengthBytes - tagBytes
  return bytes <= shortest ? shortest : bytes - (bytes % stepOf(bytes))
}

const lengthBytes = 4

/** Bytes up to which all texts are equally long: "yes", "no", and a paragraph. */
const shortest = 1_024

/** The length, the text, zeros. */
const pad = (text: Uint8Array): Buffer => {
  const padded = Buffer.alloc(lengthBytes + paddedLength(text.length))
  padded.writeUInt32BE(text.length)
  padded.set(text, lengthBytes)
  return padded
}

const unpad = (padded: Buffer): Option.Option<string> => {
  if (padded.length < lengthBytes) return Option.none()
  const text = padded.subarray(lengthBytes, lengthBytes + padded.readUInt32BE())
  return pad(text).equals(padded) && isUtf8(text) ? Option.some(text.toString()) : Option.none()
}

/** NIP-44's padding, from 1,024 bytes on: an eighth of the next power of two at a time. */
export const paddedLength = (length: number): number =>
  length <= shortest ? shortest : Math.ceil(length / stepOf(length)) * stepOf(length)

const stepOf = (length: number): number => 2 ** Math.ceil(Math.log2(length)) / 8
